/// What cannot be judged, and what is taken of it: the explanation is made again with each of them the other way.
final class Unknowns {
    /// Taken to match.
    private let flipped: String?
    private(set) var questions: [String] = []

    init(flipped: String? = nil) { self.flipped = flipped }

    func choose(_ question: String) -> Bool {
        // A range is two comparisons: both are one question.
        if !questions.contains(question) { questions.append(question) }
        return question == flipped
    }
}
