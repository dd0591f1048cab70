import CContainer
import Glibc
import JSON
import NetCore

/// kill, delete, pause, resume, update.
extension OCICommand {
    func load(_ options: Options, _ verb: String, more: Int = 0) throws(OCIError) -> ContainerRecord {
        guard (1...(1 + more)).contains(options.words.count) else {
            throw OCIError("\(verb) takes the container's id\(more > 0 ? " and at most \(more) more word" : "")")
        }
        return try ContainerRecord.load(options.words[0], in: root)
    }

    func kill(_ arguments: [String]) throws(OCIError) {
        var options = try Options(arguments, valued: [], plain: ["all,a"], verb: "kill")
        // podman and containerd write the flag before, people also behind.
        let isForAll = options.has("all") || options.words.contains("--all") || options.words.contains("-a")
        if options.words.contains(where: { $0 == "--all" || $0 == "-a" }) {
            options = try Options(
                options.words.filter { $0 != "--all" && $0 != "-a" }, valued: [], plain: [], verb: "kill")
        }
        let record = try load(options, "kill", more: 1)
        let text = options.words.count > 1 ? options.words[1] : "TERM"
        guard let number = SignalName.number(text) else {
            throw OCIError("unknown signal \"\(text)\": take a number from 1 to 64 or a name such as KILL")
        }
        try signal(record, number, all: isForAll)
    }

    private func signal(_ record: ContainerRecord, _ number: Int32, all: Bool) throws(OCIError) {
        let isStopped = record.status == .stopped
        let cgroup = record.cgroup
        if all {
            try kernel { () throws(KernelError) in
                if number == SIGKILL {
                    try cgroup?.kill()
                } else {
                    for pid in try cgroup?.pids() ?? [] { Glibc.kill(pid, number) }
                }
            }
            return
        }
        guard !isStopped else { throw OCIError("container not running") }
        try kernel { () throws(KernelError) in
            let handle = OwnedDescriptor(
                taking: try check("signal process \(record.pid)") { berth_pidfd_open(record.pid) })
            // The number may be another's by now.
            guard ContainerRecord.isAlive(record.pid, record.start) else {
                throw KernelError("signal process \(record.pid)", .noSuchProcess, "container not running")
            }
            try check("signal process \(record.pid)") { berth_pidfd_signal(handle.number, number) }
            // A frozen process of version 1 does not die before it is thawed.
            if number == SIGKILL, let cgroup, cgroup.isFrozen { try cgroup.thaw() }
        }
    }

    func delete(_ arguments: [String]) throws(OCIError) {
        let options = try Options(arguments, valued: [], plain: ["force,f"], verb: "delete")
        guard options.words.count == 1 else { throw OCIError("delete takes one argument, the container's id") }
        let directory = try ContainerRecord.directory(options.words[0], in: root)
        let isForced = options.has("force")
        guard Files.exists(directory) else {
            if isForced { return }
            throw OCIError("container \"\(options.words[0])\" does not exist")
        }
        // Not in the middle of its making: of that there is no record yet.
        let lock = try kernel { () throws(KernelError) in try FileLock(directory: directory, .exclusive) }
        defer { withExtendedLifetime(lock.descriptor) {} }
        if isForced && !Files.exists("\(directory)/state.json") {
            try forget(options.words[0], directory)
            return
        }
        let record = try ContainerRecord.load(options.words[0], in: root)
        let status = record.status
        guard status == .stopped || status == .created || isForced else {
            throw OCIError(
                "cannot delete container \(record.id) that is not stopped: \(status.rawValue): kill it, or delete it with --force"
            )
        }
        if status != .stopped { try end(record) }
        try destroy(record)
    }

    /// Its maker was killed before there was a process: there may be a control group by what config.json says.
    private func forget(_ id: String, _ directory: String) throws(OCIError) {
        if Files.exists("\(directory)/config.json") {
            do throws(OCIError) {
                let text = try kernel { () throws(KernelError) in try Files.read("\(directory)/config.json") }
                let cgroup = try CgroupBinding.cgroup(try BundleSpec(parsing: text, bundle: directory), id)
                try kernel { () throws(KernelError) in try cgroup.remove() }
            } catch {
                // Cut in its writing: nothing was made after it.
                Said.warn(error.message)
            }
        }
        StateFolder.remove(directory)
    }

    /// Kills the container's init and waits for its end.
    private func end(_ record: ContainerRecord) throws(OCIError) {
        try kernel { () throws(KernelError) in
            guard
                let number = try ignoring(
                    .noSuchProcess,
                    do: { () throws(KernelError) in
                        try check("kill process \(record.pid)") { berth_pidfd_open(record.pid) }
                    })
            else { return }
            let handle = OwnedDescriptor(taking: number)
            guard ContainerRecord.isAlive(record.pid, record.start) else { return }
            _ = try ignoring(.noSuchProcess) { () throws(KernelError) in
                try check("kill process \(record.pid)") { berth_pidfd_signal(handle.number, SIGKILL) }
            }
            if let cgroup = record.cgroup, cgroup.isFrozen { try cgroup.thaw() }
            var polled = pollfd(fd: handle.number, events: Int16(POLLIN), revents: 0)
            guard try check("wait for process \(record.pid)", { poll(&polled, 1, 10_000) }) == 1 else {
                throw KernelError("kill process \(record.pid)", .timedOut, "it has not ended within 10 s")
            }
        }
    }

    /// What is left of a container whose init has ended.
    func destroy(_ record: ContainerRecord, _ known: Cgroup? = nil) throws(OCIError) {
        if let cgroup = known ?? record.cgroup {
            try kernel { () throws(KernelError) in
                if try !cgroup.pids().isEmpty { try cgroup.kill() }
                try cgroup.remove()
            }
        }
        let hooks = try? record.spec().spec.hooks
        StateFolder.remove(record.directory)
        guard let hooks else { return }
        do throws(OCIError) {
            try hooks.run(.poststop, record.describe(.stopped))
        } catch {
            // The specification: told, and the rest goes on.
            Said.warn(error.message)
        }
    }

    func pause(_ arguments: [String], _ isPause: Bool) throws(OCIError) {
        let verb = isPause ? "pause" : "resume"
        let record = try load(try Options(arguments, valued: [], plain: [], verb: verb), verb)
        let status = record.status
        guard let cgroup = record.cgroup else { throw OCIError("container \(record.id) has no control group") }
        if isPause && status != .running && status != .created {
            throw OCIError("container \(record.id) is \(status.rawValue): only a running one can be paused")
        }
        if !isPause && status != .paused {
            throw OCIError("container \(record.id) is \(status.rawValue): only a paused one can be resumed")
        }
        try kernel { () throws(KernelError) in if isPause { try cgroup.freeze() } else { try cgroup.thaw() } }
    }

    private static let limits: [(flag: String, group: String, key: String)] = [
        ("memory", "memory", "limit"), ("memory-swap", "memory", "swap"),
        ("memory-reservation", "memory", "reservation"), ("cpu-period", "cpu", "period"), ("cpu-quota", "cpu", "quota"),
        ("cpu-share", "cpu", "shares"), ("cpuset-cpus", "cpu", "cpus"), ("cpuset-mems", "cpu", "mems"),
        ("pids-limit", "pids", "limit"), ("blkio-weight", "blockIO", "weight"),
    ]

    func update(_ arguments: [String]) throws(OCIError) {
        let options = try Options(
            arguments, valued: ["resources,r"] + OCICommand.limits.map(\.flag), plain: [], verb: "update")
        let record = try load(options, "update")
        guard record.status != .stopped, let cgroup = record.cgroup else { throw OCIError("container not running") }
        var resources = JSONObject()
        if let file = options.value("resources") {
            let text = try kernel { () throws(KernelError) in
                try file == "-" ? Files.read(0, limit: 1 << 20, operation: "read standard input") : Files.read(file)
            }
            resources = try BundleSpec.document(text)
        }
        for (flag, group, key) in OCICommand.limits {
            guard let text = options.value(flag) else { continue }
            var part = resources[group]?.object ?? JSONObject()
            if flag.utf8.starts(with: "cpuset".utf8) {
                part[key] = .string(text)
            } else {
                guard let amount = OCICommand.amount(text) else {
                    throw OCIError("--\(flag) is \(text): it must be a number")
                }
                part[key] = .integer(amount)
            }
            resources[group] = .object(part)
        }
        try kernel { () throws(KernelError) in try cgroup.apply(resources) }
    }

    /// 67108864, 64m or 64MB.
    private static func amount(_ text: String) -> Int64? {
        var digits = text.lowercased()
        if digits.utf8.last == UInt8(ascii: "b") { digits.removeLast() }
        let unit: Int64 =
            switch digits.utf8.last {
            case UInt8(ascii: "k"): 1 << 10
            case UInt8(ascii: "m"): 1 << 20
            case UInt8(ascii: "g"): 1 << 30
            default: 1
            }
        if unit > 1 { digits.removeLast() }
        guard let number = Int64(digits) else { return nil }
        let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit)
        return isTooLarge ? nil : product
    }
}
