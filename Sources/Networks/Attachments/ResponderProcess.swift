import Glibc
import JSON
import NetCore

/// A network's berth-names, from its first container to its last. Everything under the store's lock.
extension NetworkStore {
    /// The file says who is there, and a responder reads it; without containers neither is left.
    func tellNames(of network: StoredNetwork, _ change: (inout NameTable) -> Void) throws(NetworkError) {
        guard network.hasNames else { return }
        var table = try names(of: network)
        change(&table)
        guard !table.entries.isEmpty else { return try endNames(of: network) }
        guard let json = table.json.object else { return }
        try files.write(files.names(network.name), json)
        try startResponder(of: network)
    }

    /// Nobody is sent to the container any more, also when the disk is full.
    func forgetNames(of containerID: String, _ network: StoredNetwork) throws(NetworkError) {
        let path = files.names(network.name)
        guard network.hasNames, Files.exists(path) else { return }
        do throws(NetworkError) {
            try tellNames(of: network) { $0.remove(containerID) }
        } catch  where error.isFull {
            var table = try names(of: network)
            table.remove(containerID)
            do throws(KernelError) {
                // It is shorter than what is there.
                try Files.overwrite(path, with: Array((table.json.text + "\n").utf8))
            } catch {
                // No answer is better than a wrong one: the responder ends, and the next change begins anew.
                try endNames(of: network)
            }
        }
    }

    /// Networks that have containers have a responder: for a daemon that starts, or looks after what was killed.
    /// Each of them, also when another's cannot be started: then what was in the way of them is thrown at the end.
    public func resume() throws(NetworkError) {
        try files.sweep()
        var failures: [NetworkError] = []
        for network in try all() where network.hasNames {
            do throws(NetworkError) {
                try resume(network)
            } catch {
                failures.append(error)
            }
        }
        guard let first = failures.first else { return }
        throw NetworkError(first.status, failures.map(\.description).joined(by: "; "))
    }

    private func resume(_ network: StoredNetwork) throws(NetworkError) {
        try files.locked { () throws(NetworkError) in
            let here = try present(network)
            let path = files.names(network.name)
            guard !here.isEmpty else {
                return Files.exists(path) ? try endNames(of: network) : ()
            }
            let known = try names(of: network)
            if Files.exists(path), Set(known.entries) == Set(here) { return try startResponder(of: network) }
            do throws(NetworkError) {
                try tellNames(of: network) { $0.entries = here }
            } catch  where error.isFull {
                // Without room for the names there are none for now: that keeps nobody from stopping what runs.
                try endNames(of: network)
            }
        }
    }

    /// As they are told now; where that cannot be read, as the attachments are.
    private func names(of network: StoredNetwork) throws(NetworkError) -> NameTable {
        var table = NameTable()
        do throws(NetworkError) {
            if let json = try files.read(files.names(network.name)), let told = NameTable(.object(json)) {
                table.entries = told.entries
            } else {
                table.entries = try present(network)
            }
        } catch {
            table.entries = try present(network)
        }
        table.network = network.name
        table.subnets = network.subnets.map(\.subnet)
        table.forwards = !network.isInternal
        return table
    }

    private func present(_ network: StoredNetwork) throws(NetworkError) -> [NameTable.Entry] {
        try files.held(network.name).filter { !$0.isAttaching }.map(\.names)
    }

    /// One that is attaching now will have it started.
    private func endNames(of network: StoredNetwork) throws(NetworkError) {
        try endResponder(of: network)
        try files.remove(files.names(network.name))
    }

    private func startResponder(of network: StoredNetwork) throws(NetworkError) {
        let pidFile = files.responder(network.name)
        guard try responder(pidFile) == nil else { return }
        let (program, arguments) = try responderCommand(of: network)
        try answering("make \(run)/networks") { () throws(KernelError) in
            try Files.makeDirectories("\(run)/networks", mode: 0o700)
        }
        let child = ChildProcess(
            path: program, arguments: arguments, environment: Inherited.variables, input: [], seconds: 10)
        let outcome = try answering("answer names on network \(network.name)") { () throws(KernelError) in
            try child.run()
        }
        guard outcome.exitStatus == 0 else {
            let said = String(decoding: outcome.errors, as: UTF8.self).split(separator: "\n").last.map(String.init)
            throw NetworkError(
                500, "names of network \(network.name) cannot be answered: \(said ?? "berth-names failed")")
        }
    }

    /// The program that answers a network's names, and its arguments.
    func responderCommand(of network: StoredNetwork) throws(NetworkError) -> (program: String, arguments: [String]) {
        let listen = network.nameservers.flatMap { ["--listen", "\($0)"] }
        return (
            try OwnProgram.find("berth-names", pluginPath),
            ["--names", files.names(network.name)] + listen + ["--pid-file", files.responder(network.name)]
        )
    }

    func endResponder(of network: StoredNetwork) throws(NetworkError) {
        let pidFile = files.responder(network.name)
        for round in 0..<3000 {
            guard let pid = try responder(pidFile) else { break }
            // Its number is its own as long as the lock is held.
            if round == 0 || round == 2000, pid > 1 { kill(pid, round == 0 ? SIGTERM : SIGKILL) }
            usleep(1000)
        }
        try files.remove(pidFile)
    }

    /// The pid of the process that holds the file's lock; nil when nobody does.
    private func responder(_ pidFile: String) throws(NetworkError) -> pid_t? {
        guard Files.exists(pidFile) else { return nil }
        do throws(KernelError) {
            _ = try FileLock(pidFile, .exclusive, seconds: 0)
            return nil
        } catch  where error.errno == .timedOut {
            let bytes = try answering("read \(pidFile)") { () throws(KernelError) in try Files.read(pidFile) }
            return pid_t(String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)) ?? 0
        } catch {
            throw NetworkError(500, "look for the responder of \(pidFile): \(error)")
        }
    }
}
