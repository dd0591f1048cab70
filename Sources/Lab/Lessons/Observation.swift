public import Trace

/// One thing that must be true of the kernel just now; seen by a real packet or by a read of its state, never by what was typed.
public struct Observation: Sendable {
    /// What is looked at: "client → 198.51.100.2:8080".
    public let what: String
    public let expected: String
    let look: @Sendable (Look) throws(LabError) -> Sight

    init(_ what: String, _ expected: String, _ look: @escaping @Sendable (Look) throws(LabError) -> Sight) {
        (self.what, self.expected, self.look) = (what, expected, look)
    }
}

/// What was seen.
public struct Sight: Hashable, Sendable {
    public let isMet: Bool
    /// In words, without the end of a sentence.
    public let seen: String
    /// The packet's way, where one was sent.
    public let journey: Journey?
    /// What is told though it is met.
    public let note: String?
    /// A question that leads on, where it is not met.
    public let hint: String?

    init(_ isMet: Bool, _ seen: String, _ journey: Journey? = nil, note: String? = nil, hint: String? = nil) {
        (self.isMet, self.seen, self.journey, self.note, self.hint) = (isMet, seen, journey, note, hint)
    }
}
