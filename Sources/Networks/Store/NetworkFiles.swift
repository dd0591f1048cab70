import Glibc
import JSON
import NetCore

/// Where a store's files lie (docs/runtime/parts.md), read and replaced as a whole.
struct NetworkFiles: Sendable {
    let root: String
    let run: String

    var directory: String { "\(root)/networks" }
    func list(_ name: String) -> String { "\(directory)/\(name).conflist" }
    func names(_ name: String) -> String { "\(directory)/\(name).names" }
    func containers(_ name: String) -> String { "\(directory)/\(name).containers" }
    /// Held by the network's responder; it holds its pid.
    func responder(_ name: String) -> String { "\(run)/networks/\(name).pid" }
    /// Of host-local: apart from other daemons'.
    var leases: String { "\(directory)/.leases" }

    /// What berth-cni remembers from ADD to DEL: in the place that `berth ls` knows, unless this daemon has a root of its own.
    var cache: String { root == "/var/lib/berth" ? "/var/lib/cni" : "\(directory)/.cni" }

    /// Runs `body` while no other process or thread changes anything of this store.
    func locked<R>(_ body: () throws(NetworkError) -> R) throws(NetworkError) -> R {
        let lock: FileLock = try answering("lock the networks of \(root)") { () throws(KernelError) in
            do throws(KernelError) {
                return try FileLock("\(directory)/.lock", .exclusive)
            } catch  where error.errno == .noSuchFile {
                try Files.makeDirectories(directory, mode: 0o711)
                return try FileLock("\(directory)/.lock", .exclusive)
            }
        }
        defer { withExtendedLifetime(lock.descriptor) {} }
        return try body()
    }

    /// Nil where there is no file. Throws 500 for one that cannot be read.
    func read(_ path: String) throws(NetworkError) -> JSONObject? {
        let bytes = try answering("read \(path)") { () throws(KernelError) in
            try ignoring(.noSuchFile) { () throws(KernelError) in try Files.read(path) }
        }
        guard let bytes else { return nil }
        do throws(JSONError) {
            guard let object = try JSON(parsing: bytes).object else {
                throw JSONError("it is no object", line: 1, column: 1)
            }
            return object
        } catch {
            throw NetworkError(500, "\(path) cannot be read: \(error): mend the file, or remove it")
        }
    }

    /// Under the lock: one writer at a time has the temporary name. A list is for people, and outlives a power cut.
    func write(_ path: String, _ object: JSONObject, isList: Bool = false) throws(NetworkError) {
        let text = isList ? JSON.object(object).prettyText : JSON.object(object).text
        try answering("write \(path)") { () throws(KernelError) in
            try Files.replace(
                path, with: Array((text + "\n").utf8), mode: isList ? 0o644 : 0o600, durable: isList,
                temporary: "\(path).new")
        }
    }

    /// What a writer that was killed had not renamed to its place is gone.
    func sweep() throws(NetworkError) {
        try locked { () throws(NetworkError) in
            for name in try answering("read \(directory)", { () throws(KernelError) in try Files.names(in: directory) })
            {
                let path = "\(directory)/\(name)"
                if name.hasSuffix(".new") { try remove(path) }
                guard name.hasSuffix(".containers") else { continue }
                let held = try answering("read \(path)") { () throws(KernelError) in
                    try ignoring(.noSuchFile, Errno(ENOTDIR)) { () throws(KernelError) in try Files.names(in: path) }
                        ?? []
                }
                for one in held where one.hasSuffix(".new") { try remove("\(path)/\(one)") }
                rmdir(path)
            }
        }
    }

    func remove(_ path: String) throws(NetworkError) {
        try answering("remove \(path)") { () throws(KernelError) in try Files.remove(path) }
    }
}

enum Chance {
    /// Bytes of the kernel's (man 2 getrandom).
    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}

enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
