public import CNI
import JSON
public import NetCore

/// What goes to a person who asked for something that cannot be: what, why, and how to mend it, with a stable code.
public struct InspectError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable, CaseIterable {
        case configuration = "E-CONFIG"
        case file = "E-FILE"
        case address = "E-ADDRESS"
        case publish = "E-PUBLISH"
        case name = "E-NAME"
        case exists = "E-EXISTS"
        case missing = "E-MISSING"
        case inUse = "E-IN-USE"
        case privilege = "E-PRIVILEGE"
        case kernel = "E-KERNEL"
        case runtime = "E-RUNTIME"
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

    /// What a configuration was refused for, under the specification's own code.
    public init(_ error: CNIError) {
        let code: Code =
            switch error.code {
            case CNIErrorCode.inputOutput.rawValue: .file
            case CNIErrorCode.invalidEnvironment.rawValue: .name
            default: error.message.hasPrefix("no net configuration") ? .missing : .configuration
            }
        let fix =
            switch error.code {
            case CNIErrorCode.inputOutput.rawValue: "name a .conflist file that you may read"
            case CNIErrorCode.invalidEnvironment.rawValue: "give what the sentence asks for"
            case _ where code == .missing: "name one of those, or a .conflist file; NETCONFPATH is the directory"
            case CNIErrorCode.incompatibleVersion.rawValue:
                "write a \"cniVersion\" that every plugin of the list speaks"
            case CNIErrorCode.unsupportedField.rawValue: "leave the key out, or give the work to a plugin that knows it"
            default: "correct the list; berth-cni validate FILE checks it with every plugin"
            }
        self.init(code, error.message, cause: error.details, fix: fix)
    }

    /// What the kernel refused.
    public init(_ error: KernelError) {
        let what = "cannot \(error.operation)"
        let why = error.explanation ?? error.errno.description
        switch error.errno {
        case .notPermitted, .accessDenied: self.init(.privilege, what, cause: why, fix: "run it as root: sudo berth …")
        case .alreadyExists: self.init(.exists, what, cause: why, fix: "remove what has the name, or take another")
        case .noSuchFile:
            self.init(
                .missing, what, cause: "nothing has that name (\(why))",
                fix: "look at what there is: berth netns ls, berth ls")
        case .invalidArgument where why.hasPrefix("the name"):
            self.init(.name, what, cause: why, fix: "take a name without a slash that is not . or ..")
        default:
            self.init(
                .kernel, what, cause: "\(error.errno)" + (error.explanation.map { ": \($0)" } ?? ""),
                fix: "see what the kernel says of it: dmesg, and docs/cli.md")
        }
    }

    /// The three parts as they stand on standard error; the code at the right of the first line where there is room.
    public var description: String {
        let first = "berth: \(message)"
        let gap = max(2, 80 - first.count - code.rawValue.count - 2)
        return "\(first)\(String(repeating: " ", count: gap))[\(code.rawValue)]\n"
            + (cause.map { "  why: \($0)\n" } ?? "") + "  fix: \(fix)\n"
    }
}

/// The body's value, its kernel error as one for people.
func asking<Value: ~Copyable>(_ body: () throws(KernelError) -> Value) throws(InspectError) -> Value {
    do throws(KernelError) {
        return try body()
    } catch {
        throw InspectError(error)
    }
}

extension String {
    /// Without what would move a terminal's cursor: values come from other people's files.
    var visible: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
    }
}
