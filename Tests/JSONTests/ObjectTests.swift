import JSON
import Testing

@Suite struct ObjectTests {
    @Test("a new key goes last, an old one keeps its place, nil removes")
    func setting() {
        var object: JSONObject = ["a": 1, "b": 2, "c": 3]
        object["b"] = "two"
        object["d"] = nil
        object["e"] = 5
        object["a"] = nil
        object["a"] = JSON.null
        #expect(object.description == #"{"b":"two","c":3,"e":5,"a":null}"#)
        #expect(object.keys == ["b", "c", "e", "a"])
        #expect(object.count == 4)
        #expect(!object.isEmpty && JSONObject().isEmpty)
    }

    @Test("equality is of the ordered pairs")
    func equality() {
        #expect(["a": 1, "b": 2] as JSONObject == ["a": 1, "b": 2])
        #expect(["a": 1, "b": 2] as JSONObject != ["b": 2, "a": 1])
    }

    @Test("a literal with a key twice holds it once, with the last value")
    func duplicateLiteral() {
        #expect(JSON.object(["a": 1, "b": 2, "a": 3]).text == #"{"a":3,"b":2}"#)
    }

    @Test("iterating gives keys and values in order; removing leaves the others as they were")
    func iteration() {
        let object: JSONObject = ["x": 1, "y": [2], "z": "3"]
        #expect(object.map { "\($0.key)=\($0.value)" } == ["x=1", "y=[2]", #"z="3""#])
        #expect(object.removing("y", "nothing").keys == ["x", "z"])
    }

    @Test("merging appends what is new, and a hundred thousand members are no burden")
    func merging() throws {
        var object: JSONObject = ["a": 1, "b": 2]
        object.merge(["b": 3, "c": 4])
        #expect(object == ["a": 1, "b": 2, "c": 4])
        let text = "{" + (0..<100_000).map { "\"k\($0)\":0" }.joined(separator: ",") + "}"
        object.merge(try #require(try parse(text).object))
        #expect(object.count == 100_003)
    }

    @Test("accessors answer for their own kind only")
    func accessors() {
        let values: [JSON] = [nil, true, 7, .double("1.5"), "s", [1], ["k": "v"]]
        #expect(values.map { $0.bool != nil } == [false, true, false, false, false, false, false])
        #expect(values.map { $0.integer != nil } == [false, false, true, false, false, false, false])
        #expect(values.map { $0.string != nil } == [false, false, false, false, true, false, false])
        #expect(values.map { $0.array != nil } == [false, false, false, false, false, true, false])
        #expect(values.map { $0.object != nil } == [false, false, false, false, false, false, true])
        #expect(values.map { $0["k"] } == [nil, nil, nil, nil, nil, nil, "v"])
        #expect(
            values.map(\.kind) == ["null", "a boolean", "a number", "a number", "a string", "an array", "an object"])
    }
}
