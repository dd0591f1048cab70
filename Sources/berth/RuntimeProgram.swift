import Glibc

/// berth-cni, which runs the plugins: a program of its own, small and quick to start.
enum RuntimeProgram {
    /// This process becomes berth-cni: the one beside this program's file, else the first in PATH. Ends the process with
    /// code 1 when there is none.
    static func exec(_ arguments: [String]) -> Never {
        var words: [UnsafeMutablePointer<CChar>?] = (["berth-cni"] + arguments).map { strdup($0) } + [nil]
        if let beside = directory.map({ "\($0)/berth-cni" }), access(beside, X_OK) == 0 { execv(beside, &words) }
        execvp("berth-cni", &words)
        let reason = String(cString: strerror(errno))
        StandardError.write(
            """
            berth: berth-cni cannot be started                                 [E-RUNTIME]
              why: it stands neither in \(directory ?? "this program's directory") nor in PATH (\(reason))
              fix: install it beside berth: make install

            """)
        exit(1)
    }

    /// Where this program's file is, links followed.
    static var directory: String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { return nil }
        let text = String(decoding: path[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.lastIndex(of: "/").map { String(text[..<$0]) }
    }
}
