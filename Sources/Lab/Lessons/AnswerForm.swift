import NetCore

/// How a question is answered.
public enum AnswerForm: Hashable, Sendable {
    /// By one of its choices.
    case letter
    /// By a MAC address that the learner has found.
    case mac

    /// What stands for it in a command line.
    public var placeholder: String { self == .letter ? "LETTER" : "MAC" }
    public var example: String { self == .letter ? "a" : "02:00:00:00:00:01" }
    public var words: String { self == .letter ? "one of the letters" : "a MAC address, as \(example)" }

    /// What is written out, as it is kept and compared; nil when it is none. Of letters the question knows.
    func read(_ said: String) -> String? { self == .mac ? MACAddress(said)?.description : nil }
}
