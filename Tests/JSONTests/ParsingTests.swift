import JSON
import Testing

/// The value of a text; throws as JSON does.
func parse(_ text: String) throws(JSONError) -> JSON { try JSON(parsing: Array(text.utf8)) }

@Suite struct ParsingTests {
    @Test(
        "every kind of value is read as what it is",
        arguments: [
            ("null", JSON.null), ("true", true), ("false", false), ("0", 0), ("-0", 0), ("-12", -12),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("1.50", .double("1.50")), ("1e400", .double("1e400")), ("-0.0", .double("-0.0")),
            ("1.5E+3", .double("1.5E+3")), (#""""#, ""), (#""a/b""#, "a/b"),
            (#""a\/b\"\\\b\f\n\r\t""#, "a/b\"\\\u{8}\u{c}\n\r\t"),
            (#""\u00e9\ud83d\ude00""#, "é😀"), (#""é😀\#u{7f}""#, "é😀\u{7f}"), ("[]", []), ("{}", [:]),
            (" [ 1 , [ 2 ] ] \n", [1, [2]]), ("\t{ \"a\" : { \"b\" : null } }\r\n", ["a": ["b": nil]]),
        ] as [(String, JSON)])
    func values(_ text: String, _ expected: JSON) throws {
        #expect(try parse(text) == expected)
    }

    @Test("a lone surrogate is read as U+FFFD, as Go does")
    func loneSurrogate() throws {
        #expect(try parse(#""a\ud800b""#) == "a\u{fffd}b")
    }

    @Test("members keep their order, and of equal keys the last counts")
    func order() throws {
        let json = try parse(#"{"z":1,"a":2,"m":3,"\u0061":4}"#)
        #expect(json.object?.keys == ["z", "a", "m"])
        #expect(json["a"] == 4)
        #expect(json.text == #"{"z":1,"a":4,"m":3}"#)
    }

    @Test(
        "what RFC 8259 does not know is refused with line and column",
        arguments: [
            ("", 1, 1), ("  ", 1, 3), ("[", 1, 2), ("{\"a\":tru", 1, 6), ("[1,]", 1, 4), ("{\"a\":1,}", 1, 8),
            ("[1 2]", 1, 4), ("{\"a\" 1}", 1, 6), ("{a:1}", 1, 2), ("['a']", 1, 2), ("{'a':1}", 1, 2), ("{} x", 1, 4),
            ("{} {}", 1, 4), ("1 2", 1, 3), ("[NaN]", 1, 2), ("[Infinity]", 1, 2), ("[-Infinity]", 1, 3),
            ("TRUE", 1, 1),
            ("nul", 1, 1), ("[+1]", 1, 2), ("[.5]", 1, 2), ("[1.]", 1, 4), ("[1e]", 1, 4), ("[01]", 1, 2),
            ("[-]", 1, 3),
            ("[-01]", 1, 3), ("[0x10]", 1, 3), ("[9223372036854775808]", 1, 2), ("[-9223372036854775809]", 1, 2),
            ("[18446744073709551616]", 1, 2), ("\"a\nb\"", 1, 3), ("\"a\tb\"", 1, 3), ("\"abc", 1, 5),
            ("\"abc\\", 1, 6),
            (#""\x41""#, 1, 2), (#""\u12g4""#, 1, 2), (#""\u12"#, 1, 2), (#""a\u0000""#, 1, 3),
            (#"{"a\u0000b":1}"#, 1, 4),
            ("{}\0", 1, 3), ("{\"a\":1}\0 garbage", 1, 8), ("// c\n{}", 1, 1), ("/* c */{}", 1, 1),
            ("[\n1,\n  x]", 3, 3),
            ("{\"é\":😀}", 1, 6), ("\u{feff}{}", 1, 1), ("]", 1, 1), (",", 1, 1), ("{\"a\":}", 1, 6), ("[1}", 1, 3),
            ("{1:2}", 1, 2), ("{\"a\":1 \"b\":2}", 1, 8),
        ])
    func refused(_ text: String, _ line: Int, _ column: Int) {
        let error = #expect(throws: JSONError.self) { try parse(text) }
        #expect(error?.line == line, "\(String(describing: error))")
        #expect(error?.column == column, "\(String(describing: error))")
        #expect(error?.message.isEmpty == false)
    }

    @Test(
        "bytes that are not UTF-8 are refused, overlong forms and surrogates too",
        arguments: [
            [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80],
            [0xf8, 0x88, 0x80, 0x80],
        ] as [[UInt8]])
    func invalidText(_ bytes: [UInt8]) {
        for key in [false, true] {
            let text =
                (key ? Array("{\"a".utf8) : Array("[\"a".utf8)) + bytes
                + (key ? Array("\":1}".utf8) : Array("\"]".utf8))
            let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
            #expect(error?.description == "line 1, column 4: invalid UTF-8")
        }
    }

    @Test("nesting is read to the limit and refused beyond it, however deep")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try parse(nested(100)).kind == "an array")
        for depth in [200, 1_000_000] {
            let error = #expect(throws: JSONError.self) { try parse(nested(depth)) }
            #expect(error?.message == "nested more than \(JSON.depthLimit) deep")
        }
        #expect(throws: JSONError.self) { try parse(String(repeating: "{\"a\":", count: 1_000_000)) }
    }

    @Test("a hundred thousand members are read without a look-up for each")
    func manyMembers() throws {
        let text = "{" + (0..<100_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        let json = try parse(text)
        #expect(json.object?.count == 100_000)
        #expect(json["k99999"] == 99999)
    }

    @Test("any cut of a text and any changed byte is refused or read, never a crash")
    func mutations() throws {
        let text = Array(
            #"{"name":"dbnet","mtu":1500,"r":[{"dst":"0.0.0.0/0"},1.5e3,true,null,"é\u00e9\n"],"o":{}}"#.utf8)
        var refusals = 0
        for cut in 0..<text.count {
            #expect(throws: JSONError.self) { try JSON(parsing: Array(text[..<cut])) }
            for byte in [0, 0x22, 0x27, 0x2c, 0x5b, 0x5c, 0x7b, 0x7d, 0x80, 0xff] as [UInt8] {
                var changed = text
                changed[cut] = byte
                do throws(JSONError) {
                    let json = try JSON(parsing: changed)
                    #expect(try JSON(parsing: json.bytes) == json)
                } catch {
                    refusals += 1
                }
            }
        }
        #expect(refusals > text.count)
    }
}
