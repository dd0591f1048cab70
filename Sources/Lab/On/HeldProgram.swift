import CContainer
import CKernel
import Glibc
import NetCore

/// `berth lab …` in a shell of a world. From in there neither the world's state nor the processes of other nodes are to be seen, so
/// the world's holder, who is outside, does it (`HeldService`), with this one's streams.
public enum HeldProgram {
    static let place = "/run/berth/holder"
    /// Set in a command that the holder does: where the state is.
    static let directoryVariable = "BERTH_LAB_DIRECTORY"
    /// This process does what was typed in a world.
    public static var isHeld: Bool { getenv(directoryVariable) != nil }

    /// Those that have to do with the world as a whole; but not where they name a namespace, which is one of this node's view.
    static func isWhole(_ words: [String]) -> Bool {
        switch words.first {
        case "lab", "lab-plain": true
        case "trace", "graph", "view", "conntrack", "capture":
            !words.contains { word in ["--host", "--netns", "netns:", "pid:"].contains { word.hasPrefix($0) } }
        default: false
        }
    }

    /// The exit code, when this is a world and the command one for its holder; else nil. The process must have one thread.
    public static func run(_ words: [String]) -> Int32? {
        guard !isHeld, isWhole(words) else { return nil }
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0, OnService.address(place, { connect(number, $0, $1) }) == 0 else {
            close(number)
            return nil
        }
        do throws(LabError) {
            // Into another node there is a way already.
            if words.count > 2, ["exec", "shell"].contains(words[1]) {
                return try OnProgram.ask([words[2]] + words.dropFirst(3).drop { $0 == "--" })
            }
            let line = OnLine(number)
            try during("ask the world's holder") { () throws(KernelError) in try line.ask("", words, nil) }
            return line.follow(nil)
        } catch {
            let text = error.description
            _ = write(STDERR_FILENO, text, text.utf8.count)
            return error.exitCode
        }
    }
}
