import CContainer
import Glibc

/// What `ps` shows of a process that was forked and not executed: its own name, and no longer the command that it came from.
enum Title {
    /// Both `comm` and the command line bear the name; or the command line that one.
    static func set(_ name: String, line: String? = nil) {
        berth_set_name(name)
        // The kernel has the arguments one behind the other, each with its NUL; what is beyond the first is emptied.
        let arguments = CommandLine.unsafeArgv
        let count = Int(CommandLine.argc)
        guard count > 0, let first = arguments[0], let last = arguments[count - 1] else { return }
        let room = last + strlen(last) - first
        guard room > 0 else { return }
        memset(first, 0, room)
        strncpy(first, line ?? name, room)
    }
}
