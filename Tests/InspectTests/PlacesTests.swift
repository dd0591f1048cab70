import JSON
import Testing

@testable import Inspect

@Suite struct PlacesTests {
    private static func places(_ text: String) -> JSONPlaces { JSONPlaces(of: Array(text.utf8)) }

    @Test("a member is where its key begins, an element where its value does, from 1 and in characters")
    func places() throws {
        let places = PlacesTests.places(
            """
            { "a": 1,
              "é": [ 10,
                     {"b.c": null} ],"z"
              : "}]\\"," }
            """)
        let seen = ["", "a", "é", "é[0]", "é[1]", "é[1].b.c", "z"].map { places[$0].map { "\($0.line):\($0.column)" } }
        #expect(seen == ["1:1", "1:3", "2:3", "2:10", "3:10", "3:11", "3:26"])
        #expect(places["é[2]"] == nil && places["b"] == nil && places["z.z"] == nil)
    }

    @Test("a key that is repeated is told, where it is repeated, and has its last place")
    func repetitions() throws {
        let places = PlacesTests.places(#"{"a": {"b": 1, "\u0062": 2, "b": 3}, "c": {"b": 1}}"#)
        #expect(places.repetitions.map(\.path) == ["a.b", "a.b"])
        #expect(places.repetitions.map(\.place.column) == [16, 29])
        #expect(places["a.b"]?.column == 29)
        #expect(PlacesTests.places("[]").repetitions.isEmpty)
    }

    @Test(
        "every part of a text has its place",
        arguments: [
            #"{"x": [[], {}, [{"y": {"z": [1, "a\"b", true]}}]], "": {"k\\": null}}"#, "[1]", "  7 ", "{}", #""text""#,
        ])
    func whole(_ text: String) throws {
        let places = PlacesTests.places(text)
        func look(_ json: JSON, _ path: String) {
            #expect(places[path] != nil, "\(path)")
            for (index, element) in (json.array ?? []).enumerated() { look(element, "\(path)[\(index)]") }
            for (key, value) in json.object ?? [:] { look(value, path.isEmpty ? key : "\(path).\(key)") }
        }
        look(try JSON(parsing: Array(text.utf8)), "")
    }

    @Test("what is cut off, or no JSON, is read to its end and no further")
    func broken() {
        let text = #"{"a": [1, {"b": "c\"d"}], "e": tru}"#
        for count in 0...text.utf8.count {
            for tail in ["", "}", "]", "\"", ",", "\\"] {
                let bytes = Array(text.utf8.prefix(count)) + Array(tail.utf8)
                #expect(JSONPlaces(of: bytes)[""] != nil)
            }
        }
    }
}
