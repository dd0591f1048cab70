import Glibc
import NetCore

/// The lab without its command line, for the holder and for tests: hidden words of `berth`.
public enum LabProgram {
    /// `lab-hold …` is what `World.start` executes, `lab-serve …` what lessons do, `proxy …` is `ProxyProgram`, `net …` `NetProgram`; `lab-plain start WORLD | exec NODE COMMAND… |
    /// status | stop | …`. Nil when the words are none of these; else the exit code. The process must have one thread.
    public static func run(_ words: [String]) -> Int32? {
        switch words.first {
        case "lab-hold": return Holder.run(Array(words.dropFirst()))
        case "lab-serve": return Service.run(Array(words.dropFirst()))
        // Its help is the command line's own.
        case "proxy" where words.allSatisfy({ $0 != "--help" && $0 != "-h" }):
            return ProxyProgram.run(Array(words.dropFirst()))
        case "net" where words.allSatisfy({ $0 != "--help" && $0 != "-h" }):
            return NetProgram.run(Array(words.dropFirst()))
        case let word? where Traffic.words.contains(word): return Traffic.run(words)
        case "lab-plain": break
        default: return nil
        }
        do throws(LabError) {
            return try plain(Array(words.dropFirst()))
        } catch {
            let text = error.description
            _ = write(STDERR_FILENO, text, text.utf8.count)
            return error.exitCode
        }
    }

    private static func plain(_ words: [String]) throws(LabError) -> Int32 {
        if let code = try LessonCommands.plain(words) { return code }
        switch words.first {
        case "start" where words.count == 2:
            print(try World.start(words[1]).holder.pid)
            return 0
        case "exec" where words.count > 2: return try World.standing().run(Array(words.dropFirst(2)), in: words[1])
        case "shell" where words.count == 2: return try LabShell.run(try World.standing(), in: words[1])
        case "stop":
            try World.standing().stop()
            return 0
        default: return 2
        }
    }
}
