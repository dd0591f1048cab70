import Glibc
import NetCore

extension Cgroup {
    /// No process of it runs, until `thaw()`. Throws ETIMEDOUT, and it runs on, when one does not stop within ten seconds.
    public func freeze() throws(KernelError) { try freeze(milliseconds: 10_000) }

    private func freeze(milliseconds: Int) throws(KernelError) {
        let freezer = try freezer("freeze")
        do throws(KernelError) {
            for _ in 0..<milliseconds {
                // v1: what was forked meanwhile is caught by writing again.
                try freezer.write(path, freezer.freezerFile, freezer.version == .v1 ? "FROZEN" : "1")
                if freezer.isFrozen(path) { return }
                usleep(1000)
            }
            throw KernelError(
                "freeze the control group \(path)", .timedOut,
                "a process of it waits for a device or a file system: see ps")
        } catch {
            do throws(KernelError) { try thaw() } catch {}
            throw error
        }
    }

    /// Its processes run on.
    public func thaw() throws(KernelError) {
        let freezer = try freezer("thaw")
        try freezer.write(path, freezer.freezerFile, freezer.version == .v1 ? "THAWED" : "0")
        for _ in 0..<10_000 where freezer.version == .v1 {
            if freezer.text(path, "freezer.state") == "THAWED" { return }
            usleep(1000)
        }
    }

    /// Whether `freeze()` holds.
    public var isFrozen: Bool { freezer?.isFrozen(path) ?? false }

    /// Nothing of it, and of the groups below, is frozen. That there is no freezer, or no group, is no failure.
    public func thawAll() throws(KernelError) {
        guard let freezer else { return }
        for group in freezer.subtree(path) where freezer.has(group, file: freezer.freezerFile) {
            try freezer.write(group, freezer.freezerFile, freezer.version == .v1 ? "THAWED" : "0")
        }
    }

    /// SIGKILL to every process of the group and of those below, frozen ones too; they may take a moment to end. Throws EBUSY
    /// when one is still there after two seconds.
    public func kill() throws(KernelError) {
        // v2 does it in one step, and catches what is being forked.
        if let unified = present.first(where: { $0.version == .v2 && $0.has(path, file: "cgroup.kill") }) {
            try unified.write(path, "cgroup.kill", "1")
        }
        let isFreezable = freezer != nil
        for round in 0..<100 {
            let processes = try pids()
            // What is frozen in v1 does not die before it is thawed.
            if processes.isEmpty { break }
            // A fork races with the list: frozen, there is none.
            if isFreezable, round > 0 { do throws(KernelError) { try freeze(milliseconds: 10) } catch {} }
            for process in try pids() { _ = Glibc.kill(process, SIGKILL) }
            if isFreezable { try thaw() }
            for _ in 0..<10 {
                if try pids().isEmpty { break }
                usleep(1000)
            }
        }
        let left = try pids()
        guard left.isEmpty else {
            throw KernelError(
                "kill the control group \(path)", .busy,
                "process \(left[0]) does not end: it waits for a device or a file system (see ps)")
        }
        if isFrozen { try thaw() }
    }

    /// The processes of the group and of those below, in every hierarchy; none when it does not exist.
    public func pids() throws(KernelError) -> [pid_t] {
        var found: Set<pid_t> = []
        for hierarchy in present {
            for group in hierarchy.subtree(path) {
                // 0 is a process that this pid namespace does not see.
                found.formUnion(hierarchy.words(group, "cgroup.procs").compactMap { pid_t($0) }.filter { $0 > 0 })
            }
        }
        return found.sorted()
    }

    /// The group and those below are gone; that it was not there is no failure. Throws EBUSY when processes stay in it for more
    /// than two seconds.
    public func remove() throws(KernelError) {
        var refused: KernelError?
        for hierarchy in present {
            do throws(KernelError) { try remove(in: hierarchy) } catch { refused = refused ?? error }
        }
        if let refused { throw refused }
    }

    private func remove(in hierarchy: CgroupHierarchy) throws(KernelError) {
        for attempt in 0... {
            var refusal: Errno?
            for group in hierarchy.subtree(path) where rmdir(hierarchy.directory(group)) != 0 && errno != ENOENT {
                refusal = refusal ?? .current
            }
            guard let refusal else { return }
            // A process that has ended holds its group until it is reaped.
            if refusal != .busy || attempt == 200 {
                let left = try pids()
                throw KernelError(
                    "remove the control group \(hierarchy.directory(path))", refusal,
                    left.isEmpty ? nil : "process \(left[0]) is in it: end it first")
            }
            usleep(attempt < 20 ? 1000 : 10_000)
        }
    }

    private var freezer: CgroupHierarchy? {
        present.first { $0.controllers.contains("freezer") }
            ?? present.first { $0.version == .v2 && $0.has(path, file: "cgroup.freeze") }
    }

    private func freezer(_ verb: String) throws(KernelError) -> CgroupHierarchy {
        if let freezer { return freezer }
        throw KernelError(
            "\(verb) the control group \(path)", present.isEmpty ? .noSuchFile : .notSupported,
            present.isEmpty
                ? "it does not exist: has the container ended?"
                : "this host has no freezer: mount the v1 controller, or take control groups v2")
    }
}

extension CgroupHierarchy {
    fileprivate var freezerFile: String { version == .v1 ? "freezer.state" : "cgroup.freeze" }

    fileprivate func isFrozen(_ path: String) -> Bool {
        switch version {
        case .v1: text(path, "freezer.state") == "FROZEN"
        case .v2: (text(path, "cgroup.events") ?? "").split(separator: "\n").contains("frozen 1")
        }
    }
}
