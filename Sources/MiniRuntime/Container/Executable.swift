import Glibc
import NetCore

/// The program that a process becomes, found as a shell finds it.
enum Executable {
    /// Code 127 for what is not there, 126 for what cannot be executed.
    static func find(_ name: String, _ environment: [String]) throws(OCIError) -> String {
        // The sentence goes through pipes that take no more than a page or two.
        let shown = name.utf8.count <= 512 ? name : String(decoding: name.utf8.prefix(512), as: UTF8.self) + "..."
        if name.utf8.contains(UInt8(ascii: "/")) {
            var found = stat()
            guard stat(name, &found) == 0 else {
                let code = Errno.current
                throw OCIError(
                    "exec: \"\(shown)\": stat \(shown): \(Executable.words(code))",
                    code: code == .accessDenied ? 126 : 127)
            }
            if found.st_mode & S_IFMT == S_IFDIR { throw OCIError("exec: \"\(shown)\": is a directory", code: 126) }
            guard access(name, X_OK) == 0 else { throw OCIError("exec: \"\(shown)\": permission denied", code: 126) }
            return name
        }
        var isForbidden = false
        let path = environment.last { $0.utf8.starts(with: "PATH=".utf8) }?.dropFirst(5) ?? ""
        for directory in path.split(separator: ":", omittingEmptySubsequences: path.isEmpty) {
            let candidate = directory.isEmpty ? "./\(name)" : "\(directory)/\(name)"
            var found = stat()
            guard stat(candidate, &found) == 0, found.st_mode & S_IFMT != S_IFDIR else { continue }
            if access(candidate, X_OK) == 0 { return candidate }
            isForbidden = true
        }
        if isForbidden { throw OCIError("exec: \"\(shown)\": permission denied", code: 126) }
        throw OCIError("exec: \"\(shown)\": executable file not found in $PATH", code: 127)
    }

    /// As other runtimes' users know them.
    static func words(_ code: Errno) -> String { String(cString: strerror(code.rawValue)).lowercased() }

    /// Returns only to tell why not.
    static func execute(_ path: String, _ arguments: [String], _ environment: [String]) -> OCIError {
        let words = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        execve(path, words, variables)
        let code = Errno.current
        let isMissing = code == .noSuchFile || code.rawValue == ENOTDIR
        let shown = path.utf8.count <= 512 ? path : String(decoding: path.utf8.prefix(512), as: UTF8.self) + "..."
        return OCIError("exec \(shown): \(Executable.words(code))", code: isMissing ? 127 : 126)
    }
}
