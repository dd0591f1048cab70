import NetCore
import Testing

@Suite("Spelling: how far a word is from one that is known")
struct SpellingTests {
    @Test(
        "letters put in, left out and changed count one each; two that changed places count two",
        arguments: [
            ("host", "host", 0), ("hots", "host", 2), ("hst", "host", 1), ("hosst", "host", 1), ("post", "host", 1),
            ("", "host", 4), ("host", "", 4), ("", "", 0), ("kitten", "sitting", 3), ("é", "e", 2),
        ])
    func distance(left: String, right: String, letters: Int) {
        #expect(Spelling.distance(left, right) == letters)
        #expect(Spelling.distance(right, left) == letters)
    }
}
