import NetCore

/// One end of `cp`: a path of this machine, of a container, or a standard stream.
public enum CopyPath: Hashable, Sendable {
    case local(String)
    case container(String, path: String)
    case stream

    /// `CONTAINER:PATH`, `PATH`, `-`. What begins with `/` or `.` is local, whatever colons it has.
    public init(_ text: String) throws(ClientError) {
        if text == "-" {
            self = .stream
        } else if text.hasPrefix("/") || text.hasPrefix(".") || !text.contains(":") {
            guard !text.isEmpty else { throw ClientError("an empty path is none", fix: "name a file or a directory") }
            self = .local(text)
        } else {
            let pair = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !pair[0].isEmpty, !pair[1].isEmpty else {
                throw ClientError("\(text) cannot be read", fix: "write CONTAINER:/path")
            }
            // As docker: paths of a container begin at its root.
            self = .container(pair[0], path: pair[1].hasPrefix("/") ? pair[1] : "/" + pair[1])
        }
    }

    /// The last part of a path, as what is copied is called; of `dir/.` it is `.`.
    public static func base(of path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? "/"
    }

    /// The path without its last part.
    public static func parent(of path: String) -> String {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        while parts.count > 1, parts.last == "" { parts.removeLast() }
        parts.removeLast()
        if parts.isEmpty { return "." }
        let text = parts.map(String.init).joined(by: "/")
        return text.isEmpty ? "/" : text
    }

    /// Whether the path says that it is a directory's content: it ends with `/.`.
    public static func isContent(_ path: String) -> Bool { path.hasSuffix("/.") || path == "." }

    /// Whether the path says that it is a directory.
    public static func saysDirectory(_ path: String) -> Bool { path.hasSuffix("/") || isContent(path) }

    /// What is there before something is copied onto it.
    public enum Target: Hashable, Sendable { case nothing, file, directory }

    /// Docker's rule: into which directory what is copied goes, and under which name; nil when only its content goes there.
    /// `source` is its path, `isDirectory` whether it is one. Throws what cannot be.
    public static func place(
        source: String, isDirectory: Bool, onto path: String, over there: Target
    ) throws(ClientError) -> (directory: String, name: String?) {
        switch (isDirectory, there) {
        case (_, .directory):
            return (path, isContent(source) ? (isDirectory ? nil : base(of: source)) : base(of: source))
        case (true, .file):
            throw ClientError("cannot copy a directory onto the file \(path)", fix: "name a directory")
        case (true, .nothing): return (parent(of: path), base(of: path))
        case (false, .file):
            guard !saysDirectory(path) else {
                throw ClientError("\(path) is a file, and not a directory", fix: "leave the slash at its end out")
            }
            return (parent(of: path), base(of: path))
        case (false, .nothing):
            guard !saysDirectory(path) else {
                throw ClientError(
                    "there is no directory \(path)", fix: "make it first, or leave the slash at its end out")
            }
            return (parent(of: path), base(of: path))
        }
    }
}
