import Glibc
import JSON
public import NetCore

/// What goes to a person whose lab cannot be: what, why, and how to mend it, with a stable code and the command's exit code.
public struct LabError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// No world, node or command has that name.
        case name = "E-NAME"
        /// A world stands already.
        case exists = "E-EXISTS"
        /// No world stands.
        case missing = "E-MISSING"
        case privilege = "E-PRIVILEGE"
        case kernel = "E-KERNEL"
        /// The builder would have changed a network that is not the lab's.
        case guarded = "E-GUARD"
    }
    public let code: Code
    public let message: String
    public let cause: String?
    public let fix: String

    public init(_ code: Code, _ message: String, cause: String? = nil, fix: String) {
        self.code = code
        self.message = message
        self.cause = cause
        self.fix = fix
    }

    /// What the kernel refused, while the lab was doing `task`.
    public init(_ error: KernelError, _ task: String) {
        let refused = error.errno == .notPermitted || error.errno == .accessDenied
        self.init(
            refused ? .privilege : .kernel, "cannot \(task)", cause: error.description,
            fix: refused
                ? NamespaceAdvice.sentence : "see what the kernel says of it: dmesg; berth lab stop, then start again")
    }

    /// 2 without a world, 3 where the lab itself is at fault or refused to go on, else 1.
    public var exitCode: Int32 {
        switch code {
        case .missing: 2
        case .guarded: 3
        default: 1
        }
    }

    /// As other commands tell their errors: the code at the right of the first line where there is room.
    public var description: String {
        let first = "berth: \(message)"
        let gap = max(2, 80 - first.utf8.count - code.rawValue.utf8.count - 2)
        return "\(first)\(String(repeating: " ", count: gap))[\(code.rawValue)]\n"
            + (cause.map { "  why: \($0)\n" } ?? "") + "  fix: \(fix)\n"
    }

    var json: JSON {
        [
            "code": .string(code.rawValue), "message": .string(message), "cause": cause.map { .string($0) } ?? .null,
            "fix": .string(fix),
        ]
    }

    /// As the holder sent it; nil for anything else.
    init?(_ json: JSON) {
        guard let code = json["code"]?.string.flatMap({ Code(rawValue: $0) }), let message = json["message"]?.string,
            let fix = json["fix"]?.string
        else { return nil }
        self.init(code, message, cause: json["cause"]?.string, fix: fix)
    }
}

/// The body's value; what the kernel refuses becomes an error of the lab's that names the task.
func during<Value: ~Copyable>(
    _ task: @autoclosure () -> String, _ body: () throws(KernelError) -> Value
) throws(LabError) -> Value {
    do throws(KernelError) {
        return try body()
    } catch {
        throw LabError(error, task())
    }
}

/// Which of the host's settings keeps this user from making namespaces, as a sentence that says how to mend it.
enum NamespaceAdvice {
    static var sentence: String {
        if text("/proc/sys/user/max_user_namespaces") == "0" {
            return "this host allows no user namespaces: sudo sysctl user.max_user_namespaces=10000, or run it as root"
        }
        if text("/proc/sys/kernel/unprivileged_userns_clone") == "0" {
            return
                "this host allows them for root alone: sudo sysctl kernel.unprivileged_userns_clone=1, or run it as root"
        }
        if text("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" {
            return
                "AppArmor holds them back: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run it as root"
        }
        return "run it as root, or where namespaces may be made: in a container that takes CAP_SYS_ADMIN (--privileged)"
    }

    private static func text(_ path: String) -> String? {
        guard let bytes = try? Files.read(path, limit: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
    }
}
