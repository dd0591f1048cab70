import Glibc

/// A signal by name (TERM, SIGTERM, SIGRTMIN+3) or number.
enum SignalName {
    static func number(_ text: String) throws(APIError) -> Int32 {
        if let number = Int32(text) {
            guard (1...64).contains(number) else { throw APIError(400, "Invalid signal: \(text): signals are 1 to 64") }
            return number
        }
        let upper = text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        if let index = names.firstIndex(of: name) { return Int32(index) + 1 }
        switch name {
        case "CLD": return SIGCHLD
        case "IOT": return SIGABRT
        case "POLL": return SIGIO
        case "RTMIN": return 34
        case "RTMAX": return 64
        default: break
        }
        if name.hasPrefix("RTMIN+"), let above = Int32(name.dropFirst(6)), (0...30).contains(above) {
            return 34 + above
        }
        if name.hasPrefix("RTMAX-"), let below = Int32(name.dropFirst(6)), (0...30).contains(below) {
            return 64 - below
        }
        throw APIError(400, "Invalid signal: \(text): give a name as SIGTERM or a number of 1 to 64")
    }

    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]
}
