import CContainer
import Glibc
import NetCore

/// The last steps of a process inside its container, from a fresh child to the user's program.
struct ProcessLaunch {
    let process: ProcessSpec
    let filter: SeccompProgram?
    let preserved: Int

    /// `root`: where the containers' folders are.
    init(_ process: ProcessSpec, _ seccomp: SeccompSpec?, root: String, preserved: Int) throws(OCIError) {
        try process.judgeRights()
        self.process = process
        self.preserved = preserved
        if let seccomp { filter = try SeccompStore(root: root).program(for: seccomp) } else { filter = nil }
    }

    /// Everything up to the program, as the user that it runs as; what is found is what it becomes.
    func prepare() throws(OCIError) -> (path: String, environment: [String]) {
        try kernel { () throws(KernelError) in
            berth_default_signals()
            // Before the directory is changed: none that is open leads out of the container.
            try check("close what is open") { berth_close_on_exec_from(UInt32(3 + preserved)) }
            try process.setLimits()
            if process.noNewPrivileges { try check("set no_new_privs") { berth_no_new_privileges() } }
        }
        let environment = environment()
        let isEntered = try enter(isLast: false)
        try kernel { () throws(KernelError) in try process.becomeUser() }
        if !isEntered { _ = try enter(isLast: true) }
        return (try Executable.find(process.arguments[0], environment), environment)
    }

    /// Does not return but to tell why not.
    func execute(_ path: String, _ environment: [String]) -> OCIError {
        do throws(KernelError) {
            if let filter { try filter.load() }
            try process.dropCapabilities()
        } catch {
            return OCIError(error)
        }
        return Executable.execute(path, process.arguments, environment)
    }

    /// The working directory is a place inside (CVE-2024-21626): the kernel gives no path for one that is not.
    private func enter(isLast: Bool) throws(OCIError) -> Bool {
        let directory = process.directory
        if chdir(directory) != 0 {
            var code = Errno.current
            if code == .accessDenied && !isLast { return false }
            if code == .noSuchFile && !isLast {
                try kernel { () throws(KernelError) in try Files.makeDirectories(directory) }
                code = chdir(directory) == 0 ? Errno(0) : .current
            }
            guard code.rawValue == 0 else { throw OCIError("enter the working directory \(directory): \(code)") }
        }
        var path = [CChar](repeating: 0, count: 4097)
        guard getcwd(&path, 4096) != nil, path[0] == CChar(bitPattern: UInt8(ascii: "/")) else {
            throw OCIError("enter the working directory \(directory): it is outside of the container: name another")
        }
        return true
    }

    /// What was asked for, with HOME from the container's own list of users.
    private func environment() -> [String] {
        var environment = process.environment
        if !environment.contains(where: { $0.utf8.starts(with: "HOME=".utf8) }) {
            environment.append("HOME=\(ProcessLaunch.home(of: process.user))")
        }
        return environment
    }

    private static func home(of user: UInt32) -> String {
        do throws(KernelError) {
            // A pipe of that name would hold us up.
            let file = try OwnedDescriptor(open: "/etc/passwd", O_RDONLY | O_NONBLOCK)
            let text = String(
                decoding: try Files.read(file.number, limit: 1 << 20, operation: "read /etc/passwd"), as: UTF8.self)
            for line in text.split(separator: "\n") {
                let fields = line.split(separator: ":", omittingEmptySubsequences: false)
                if fields.count >= 6, UInt32(fields[2]) == user, !fields[5].isEmpty { return String(fields[5]) }
            }
        } catch {
            return "/"
        }
        return "/"
    }
}
