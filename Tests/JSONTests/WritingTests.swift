import JSON
import Testing

@Suite struct WritingTests {
    @Test(
        "a text that is compact comes back to the letter",
        arguments: [
            #"{"a":1,"b":[true,false,null],"c":{"d":"x/y"},"e":[],"f":{},"g":1.50,"h":1e400,"i":-9223372036854775808}"#,
            #"["\"\\\b\f\n\r\t\u0001\u001f é😀"]"#, "[]", "\"\"",
        ])
    func roundTrip(_ text: String) throws {
        #expect(try parse(text).text == text)
    }

    @Test("pretty text has two spaces a level and no line for what is empty")
    func pretty() throws {
        let json: JSON = ["a": 1, "b": [[:], [], ["c", 2.5]], "d": ["e": nil]]
        #expect(
            json.prettyText == """
                {
                  "a": 1,
                  "b": [
                    {},
                    [],
                    [
                      "c",
                      2.5
                    ]
                  ],
                  "d": {
                    "e": null
                  }
                }
                """)
        #expect(try parse(json.prettyText) == json)
    }

    @Test("a string that holds NUL is written as an escape and not cut")
    func nul() {
        #expect(JSON.string("a\0b").text == #""a\u0000b""#)
        #expect(JSON.object(["a\0b": 1]).text == #"{"a\u0000b":1}"#)
    }

    @Test("deep trees are written")
    func deep() throws {
        let json = (0..<100).reduce(JSON.null) { inner, _ in [inner] }
        #expect(try parse(json.text) == json)
    }
}
