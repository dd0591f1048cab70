import Glibc
public import Topology

/// Hidden words of `berth`, which the server of `berth view` executes: each a process of one thread.
public enum ViewProgram {
    /// The exit code; nil when the words are none of these. `host` gives the nodes of this host, for the eye; it throws
    /// `EyeRefusal` where they are root's to read.
    public static func run(_ words: [String], host: @escaping () throws -> [NetworkMap.Subject]) -> Int32? {
        switch words.first {
        case "view-eye": EyeProgram.run(Array(words.dropFirst()), host: host)
        case "view-lab": LabWords.run(Array(words.dropFirst()))
        case "view-goal": GoalProgram.run(Array(words.dropFirst()))
        default: nil
        }
    }
}
