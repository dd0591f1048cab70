import JSON
import Testing

@testable import Containers

@Suite("What a prune takes")
struct PruneTests {
    static let now = Moment(seconds: 1_767_225_600 + 3600, nanoseconds: 5)

    @Test(
        "until is a span before now, or a moment as docker reads it",
        arguments: [
            ("1h", 1_767_225_600), ("90m", 1_767_225_600 - 1800), ("1h30m10s", 1_767_225_600 - 1810),
            ("1767225600", 1_767_225_600), ("1767225600.5", 1_767_225_600), ("2026-01-01", 1_767_225_600),
            ("2026-01-01T00:00", 1_767_225_600), ("2026-01-01T00:00:00", 1_767_225_600),
            ("2026-01-01T00:00:00.25Z", 1_767_225_600), ("2026-01-01T01:30:00+01:30", 1_767_225_600),
            ("2025-12-31T22:00:00-02:00", 1_767_225_600),
        ])
    func moments(_ text: String, _ seconds: Int) throws {
        #expect(try PruneFilter.moment(text, now: PruneTests.now).seconds == seconds)
    }

    @Test(
        "what is no moment is refused",
        arguments: ["", "soon", "1", "5 hours", "1d", "99999999999999999999", "h", "1.h.", "2026-01-01T25:00+9:00"])
    func wrong(_ text: String) throws {
        // A bare number is seconds since 1970.
        if text == "1" { return #expect(try PruneFilter.moment(text, now: PruneTests.now).seconds == 1) }
        let error = #expect(throws: APIError.self) { try PruneFilter.moment(text, now: PruneTests.now) }
        #expect(error?.status == 400)
    }

    @Test("every label has to be there, none of label!, and it has to be older than until")
    func filter() throws {
        let filter = try PruneFilter(
            ["label": ["a", "b=1"], "label!": ["c"], "until": ["2026-01-01"]], ["label", "label!", "until"])
        let old = "2025-12-31T23:59:59.999999999Z"
        #expect(filter.takes(labels: ["a": "x", "b": "1"], created: old))
        #expect(!filter.takes(labels: ["a": "x", "b": "1"], created: "2026-01-01T00:00:00.000000000Z"))
        #expect(!filter.takes(labels: ["a": "x", "b": "2"], created: old))
        #expect(!filter.takes(labels: ["a": "x", "b": "1", "c": ""], created: old))
        #expect(!filter.takes(labels: ["a": "x", "b": "1"], created: "no time"))
        #expect(throws: APIError.self) { try PruneFilter(["dangling": ["1"]], ["label"]) }
    }
}
