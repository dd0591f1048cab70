import NetCore

/// What a berth-shim is told when it starts: the command line of docs/runtime/parts.md.
public struct ShimOptions: Sendable {
    public var id: String
    /// The OCI bundle, `--root` of the runtime, the folder of the socket, and where the end is written down.
    public var bundle: String
    public var ociRoot: String
    public var run: String
    public var exit: String
    /// Docker's json-file; nil keeps no log.
    public var log: String?
    /// Bytes a log file may have before the next is begun; nil: no limit.
    public var logMaxSize: Int?
    /// How many log files there are at most, the one being written among them.
    public var logMaxFile = 1
    public var tty = false
    public var stdin = false
    /// A program of runc's command line; nil: the shim's own, which is berth-oci too.
    public var runtime: String?

    public init(id: String, bundle: String, ociRoot: String, run: String, exit: String) {
        self.id = id
        self.bundle = bundle
        self.ociRoot = ociRoot
        self.run = run
        self.exit = exit
    }

    /// The options as a command line, without the program's name.
    public var arguments: [String] {
        var words = ["--id", id, "--bundle", bundle, "--oci-root", ociRoot, "--run", run, "--exit", exit]
        if let log { words += ["--log", log, "--log-max-file", "\(logMaxFile)"] }
        if let logMaxSize { words += ["--log-max-size", "\(logMaxSize)"] }
        if tty { words.append("--tty") }
        if stdin { words.append("--stdin") }
        if let runtime { words += ["--runtime", runtime] }
        return words
    }

    /// Throws a sentence for an unknown or missing option, or a value that none can have.
    init(parsing words: [String]) throws(ShimError) {
        self.init(id: "", bundle: "", ociRoot: "", run: "", exit: "")
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--tty": tty = true
            case "--stdin": stdin = true
            default:
                guard let value = rest.popFirst() else {
                    throw ShimError("berth-shim: \(word) is unknown or has no value: see docs/runtime/parts.md")
                }
                try take(word, value)
            }
        }
        let needed = [
            ("--id", id), ("--bundle", bundle), ("--oci-root", ociRoot), ("--run", run), ("--exit", exit),
        ]
        for (name, value) in needed where value.isEmpty {
            throw ShimError("berth-shim: \(name) is missing: see docs/runtime/parts.md")
        }
        for (name, path) in needed.dropFirst() where !path.hasPrefix("/") {
            throw ShimError("berth-shim: \(name) \(path): give an absolute path, the shim leaves its directory")
        }
    }

    private mutating func take(_ name: String, _ value: String) throws(ShimError) {
        switch name {
        case "--id": id = value
        case "--bundle": bundle = value
        case "--oci-root": ociRoot = value
        case "--run": run = value
        case "--exit": exit = value
        case "--log": log = value
        case "--log-max-size": logMaxSize = try ShimOptions.count(name, value)
        case "--log-max-file": logMaxFile = try ShimOptions.count(name, value)
        case "--runtime": runtime = value
        default: throw ShimError("berth-shim: there is no option \(name): see docs/runtime/parts.md")
        }
    }

    private static func count(_ name: String, _ value: String) throws(ShimError) -> Int {
        guard let number = Int(value), number > 0 else {
            throw ShimError("berth-shim: \(name) \(value): give a number from 1 on")
        }
        return number
    }
}

/// What a shim, or its client, could not do: a sentence, and Docker's code for it (125, 126 not to be executed, 127 not found).
public struct ShimError: Error, Hashable, Sendable, CustomStringConvertible {
    public let text: String
    public let code: Int32

    public init(_ text: String, code: Int32 = 125) {
        self.text = text
        self.code = code
    }

    init(_ error: KernelError) { self.init(error.description) }

    public var description: String { text }
}
