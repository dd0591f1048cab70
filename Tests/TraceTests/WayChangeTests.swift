import Testing
import Trace

@Suite("What has changed between two ways")
struct WayChangeTests {
    @Test(
        "what went and what came, in order; nothing of what is the same",
        arguments: [
            (["a", "b", "c"], ["a", "b", "c"], []),
            (["a", "drop"], ["a", "accept", "web"], ["- drop", "+ accept", "+ web"]),
            ([], ["a"], ["+ a"]), (["a"], [], ["- a"]),
            (["a", "x", "b", "y"], ["x", "b", "z", "y"], ["- a", "+ z"]),
        ] as [([String], [String], [String])])
    func difference(before: [String], after: [String], told: [String]) {
        #expect(WayChange.difference(from: before, to: after) == told)
    }
}
