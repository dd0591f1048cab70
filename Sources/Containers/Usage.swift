import Glibc
import Images
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    /// One sample as `stats?stream=false` answers; nothing but id and name when it does not run.
    public func stats(_ reference: String) throws(APIError) -> JSONObject {
        let container = try find(reference)
        let now = container.now
        var answer: JSONObject = [
            "id": .string(container.id), "name": .string("/" + now.name), "read": .string(Moment.now.text),
            "preread": .string(Moment.never),
        ]
        guard now.isAlive else { return answer }
        let found: CgroupStatistics
        do throws(KernelError) {
            found = try Cgroup(path: container.cgroupPath(now.host)).statistics()
        } catch {
            throw APIError(500, "read what container \(container.shortID) uses: \(error)")
        }
        answer["cpu_stats"] = .object(cpu(found.cpu))
        answer["precpu_stats"] = [:]
        answer["memory_stats"] = .object(memory(found.memory))
        var pids: JSONObject = ["current": .integer(Int64(clamping: found.pids?.current ?? 0))]
        if let limit = found.pids?.limit { pids["limit"] = .integer(Int64(clamping: limit)) }
        answer["pids_stats"] = .object(pids)
        func io(_ list: [CgroupStatistics.Transfer]) -> JSON {
            .array(
                list.map {
                    [
                        "major": .integer(Int64(clamping: $0.major)), "minor": .integer(Int64(clamping: $0.minor)),
                        "op": .string($0.operation),
                        "value": .integer(Int64(clamping: $0.value)),
                    ]
                })
        }
        answer["blkio_stats"] = [
            "io_service_bytes_recursive": io(found.ioBytes), "io_serviced_recursive": io(found.ioOperations),
        ]
        answer["num_procs"] = 0
        answer["storage_stats"] = [:]
        answer["networks"] = .object(traffic(now.pid))
        return answer
    }

    private func cpu(_ found: CgroupStatistics.CPU?) -> JSONObject {
        let cpu = found ?? CgroupStatistics.CPU()
        func number(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
        return [
            "cpu_usage": [
                "total_usage": number(cpu.total), "usage_in_usermode": number(cpu.user),
                "usage_in_kernelmode": number(cpu.system),
                "percpu_usage": .array(cpu.each.map { number($0) }),
            ],
            "system_cpu_usage": number(Containers.hostTime()),
            "online_cpus": .integer(Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
            "throttling_data": [
                "periods": number(cpu.periods), "throttled_periods": number(cpu.throttledPeriods),
                "throttled_time": number(cpu.throttledTime),
            ],
        ]
    }

    private func memory(_ found: CgroupStatistics.Memory?) -> JSONObject {
        let memory = found ?? CgroupStatistics.Memory()
        func number(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
        var stat = JSONObject()
        for counter in memory.stat { stat[counter.name] = number(counter.value) }
        stat["inactive_file"] = number(memory.inactiveFile)
        let all = UInt64(sysconf(Int32(_SC_PHYS_PAGES))) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
        return [
            "usage": number(memory.usage), "max_usage": number(memory.peak ?? 0),
            "limit": number(min(memory.limit ?? all, all)), "stats": .object(stat),
        ]
    }

    /// Nanoseconds that all processors have spent, as Docker counts them.
    private static func hostTime() -> UInt64 {
        do throws(KernelError) {
            let line = String(decoding: try Files.read("/proc/stat"), as: UTF8.self).split(separator: "\n").first ?? ""
            let ticks = line.split(separator: " ").dropFirst().prefix(8).compactMap { UInt64($0) }.reduce(0, +)
            return ticks * 1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK)))
        } catch {
            return 0
        }
    }

    private func traffic(_ pid: Int64) -> JSONObject {
        var links = JSONObject()
        do throws(KernelError) {
            for line in String(decoding: try Files.read("/proc/\(pid)/net/dev"), as: UTF8.self).split(separator: "\n")
                .dropFirst(2)
            {
                let parts = line.split { $0 == " " || $0 == ":" }.map(String.init)
                guard parts.count >= 17, parts[0] != "lo" else { continue }
                func number(_ index: Int) -> JSON { .integer(Int64(parts[index]) ?? 0) }
                links[parts[0]] = [
                    "rx_bytes": number(1), "rx_packets": number(2), "rx_errors": number(3), "rx_dropped": number(4),
                    "tx_bytes": number(9),
                    "tx_packets": number(10), "tx_errors": number(11), "tx_dropped": number(12),
                ]
            }
        } catch {}
        return links
    }

    public func top(_ reference: String, arguments: String) throws(APIError) -> JSONObject {
        let container = try running(reference)
        let words = arguments.split(separator: " ").map(String.init)
        let own: Set<pid_t>
        let outcome: ChildProcess.Outcome
        do throws(KernelError) {
            own = Set(try Cgroup(path: container.cgroupPath(container.now.host)).pids())
            outcome = try ChildProcess(
                path: "/bin/ps", arguments: words, environment: ["PATH=/usr/bin:/bin", "LC_ALL=C"], input: [],
                seconds: 10
            ).run()
        } catch {
            throw APIError(500, "list the processes of container \(container.shortID): \(error)")
        }
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map(String.init)
        guard outcome.exitStatus == 0, let head = lines.first else {
            throw APIError(400, "ps \(arguments): \(String(decoding: outcome.errors, as: UTF8.self))")
        }
        let titles = head.split(separator: " ").map(String.init)
        guard let column = titles.firstIndex(of: "PID") else {
            throw APIError(400, "Couldn't find PID field in ps output")
        }
        var rows: [JSON] = []
        for line in lines.dropFirst() {
            let fields = line.split(separator: " ", maxSplits: titles.count - 1).map(String.init)
            guard fields.count > column, let pid = pid_t(fields[column]), own.contains(pid) else { continue }
            rows.append(.array(fields.map { .string($0) }))
        }
        return ["Titles": .array(titles.map { .string($0) }), "Processes": .array(rows)]
    }

    // MARK: files

    public func changes(_ reference: String) throws(APIError) -> [JSONObject] {
        let container = try find(reference)
        return try Faults.image { () throws(ImageError) in
            let layers = try images.layers(of: images.image(container.imageID))
            return try ContainerRoot(container.directory).changes(over: layers).map {
                ["Path": .string($0.path), "Kind": .integer(Int64($0.kind))]
            }
        }
    }

    /// The container's root for the time of `body`: a running one's own with its volumes, else mounted for it. A running one
    /// can end meanwhile, however slow the client is: its root is held open, so that no other process can take its place.
    private func withRoot<Value>(_ container: Container, _ body: (String) throws(ImageError) -> Value) throws(APIError)
        -> Value
    {
        let open = try container.alone { () throws(APIError) -> Int32 in
            let now = container.now
            guard now.isAlive, now.pid > 0 else { return -1 }
            return try Faults.kernel("open the root of container \(container.shortID)") { () throws(KernelError) in
                try OwnedDescriptor(open: "/proc/\(now.pid)/root", O_RDONLY | O_DIRECTORY).release()
            }
        }
        if open >= 0 {
            defer { close(open) }
            return try Faults.image { () throws(ImageError) in try body("/proc/self/fd/\(open)") }
        }
        return try container.alone { () throws(APIError) in
            guard !container.now.isAlive else {
                throw APIError(409, "container \(container.shortID) has started meanwhile: try again")
            }
            let root = ContainerRoot(container.directory)
            return try Faults.image { () throws(ImageError) in
                try root.mount(over: images.layers(of: images.image(container.imageID)))
                do throws(ImageError) {
                    let value = try body(root.path)
                    try root.unmount()
                    return value
                } catch {
                    do throws(ImageError) { try root.unmount() } catch {}
                    throw error
                }
            }
        }
    }

    public func readArchive(_ reference: String, path: String, to descriptor: Int32) throws(APIError) {
        let container = try find(reference)
        try withRoot(container) { root throws(ImageError) in try RootArchive.read(path, in: root, to: descriptor) }
        tell("archive-path", container)
    }

    public func writeArchive(_ reference: String, path: String, from descriptor: Int32, noOverwriteDirNonDir: Bool)
        throws(APIError)
    {
        let container = try find(reference)
        guard container.now.host["ReadonlyRootfs"]?.bool != true else {
            throw APIError(403, "container rootfs is marked read-only")
        }
        try withRoot(container) { root throws(ImageError) in
            try RootArchive.write(path, in: root, from: descriptor, noOverwriteDirNonDir: noOverwriteDirNonDir)
        }
        tell("extract-to-dir", container)
    }

    public func statArchive(_ reference: String, path: String) throws(APIError) -> JSONObject {
        try withRoot(find(reference)) { root throws(ImageError) in try RootArchive.stat(path, in: root) }
    }

    // MARK: networks of a running one

    public func connect(_ reference: String, toNetwork network: String, endpoint: JSONObject) throws(APIError) {
        let container = try find(reference)
        try Wish.judge(endpoint: Body(endpoint, at: "EndpointConfig"))
        try container.alone { () throws(APIError) in
            let now = container.now
            let mode = now.host["NetworkMode"]?.string ?? ""
            guard mode != "host", !mode.hasPrefix("container:") else {
                throw APIError(
                    403,
                    "container \(container.shortID) shares the network of \(mode): it cannot be connected to another")
            }
            guard !now.attached.contains(where: { $0.network == network || $0.networkID == network }) else {
                throw APIError(403, "endpoint with name \(now.name) already exists in network \(network)")
            }
            container.state.change { $0.endpoints[network] = .object(endpoint) }
            if now.isAlive {
                let taken = Set(now.attached.map(\.interface))
                let free = (0..<1000).map { "eth\($0)" }.first { !taken.contains($0) } ?? "eth1000"
                do throws(APIError) {
                    let attached = try attach(container, to: network, interface: free, ports: [])
                    container.state.change { $0.attached.append(attached) }
                } catch {
                    container.state.change { $0.endpoints[network] = nil }
                    throw error
                }
            } else {
                do throws(NetworkError) { _ = try networks.network(network) } catch {
                    throw APIError(error.status, error.description)
                }
            }
            try container.save()
        }
    }

    public func disconnect(_ reference: String, fromNetwork network: String, force: Bool) throws(APIError) {
        let container = try find(reference)
        try container.alone { () throws(APIError) in
            let now = container.now
            let attached = now.attached.first { $0.network == network || $0.networkID.hasPrefix(network) }
            guard attached != nil || now.endpoints[network] != nil else {
                throw APIError(404, "container \(container.shortID) is not connected to the network \(network)")
            }
            if let attached { detach(container, attached) }
            container.state.change { $0.endpoints[attached?.network ?? network] = nil }
            try container.save()
        }
    }

    /// The running container's ports, as berth publish changes them: gives the ports that are published then.
    public func publish(_ reference: String, add: [PublishedPort], remove: [PublishedPort]) throws(APIError)
        -> [PublishedPort]
    {
        let container = try running(reference)
        return try container.alone { () throws(APIError) in
            guard let attached = container.now.attached.first else {
                throw APIError(
                    409, "container \(container.shortID) has no network of its own that a port could lead to")
            }
            guard !add.isEmpty || !remove.isEmpty else { return attached.ports }
            var ports = attached.ports
            for port in remove {
                let found = ports.firstIndex {
                    $0.containerPort == port.containerPort && $0.protocolName == port.protocolName
                        && (port.hostPort == 0 || port.hostPort == $0.hostPort)
                        && (port.hostAddress.isEmpty || port.hostAddress == $0.hostAddress)
                }
                guard let found else {
                    throw APIError(
                        404,
                        "container \(container.shortID) has no published port \(port.hostPort):\(port.containerPort)/\(port.protocolName): berth publish ls tells what it has"
                    )
                }
                ports.remove(at: found)
            }
            ports += add
            let after: AttachedNetwork
            do throws(NetworkError) {
                after = try networks.publish(ports, container.id, namespace: container.namespace, on: attached)
            } catch {
                throw APIError(error.status, error.description)
            }
            container.state.change { $0.attached[0] = after }
            try container.save()
            return after.ports
        }
    }

    // MARK: volumes

    public func volumes(filters: JSONObject) throws(APIError) -> [JSONObject] {
        let filter = Filter(filters)
        return volumeStore.all().filter { volume in
            let name = volume["Name"]?.string ?? ""
            return (!filter.has("name") || filter.values("name").contains { name.holds($0) })
                && (!filter.has("dangling")
                    || filter.values("dangling").contains { ($0 == "true" || $0 == "1") == users(name).isEmpty })
                && filter.takesLabels(volume["Labels"]?.object ?? [:])
        }
    }

    private func users(_ name: String) -> [Container] {
        table.read { $0.all }.filter { $0.now.mounts.contains { $0["Name"]?.string == name } }
    }

    public func volume(_ name: String) throws(APIError) -> JSONObject { try volumeStore.volume(name) }

    public func createVolume(_ body: JSONObject) throws(APIError) -> JSONObject {
        let asked = Body(body)
        let driver = try asked.text("Driver")
        guard ["", "local"].contains(driver) else {
            throw APIError(400, "error looking up volume plugin \(driver): berth has local")
        }
        let options = try asked.body("DriverOpts").object
        guard options.isEmpty else { throw APIError(501, "DriverOpts of a volume: berth has directories only") }
        let name = try asked.text("Name")
        let volume = try volumeStore.make(
            name.isEmpty ? Names.newID() : name, labels: .object(asked.body("Labels").object), isAnonymous: name.isEmpty
        )
        events.happened("volume", "create", volume["Name"]?.string ?? name, [("driver", "local")])
        return volume
    }

    public func removeVolume(_ name: String, force: Bool) throws(APIError) {
        let users = users(name)
        guard users.isEmpty else {
            throw APIError(409, "remove \(name): volume is in use - [\(users.map(\.id).joined(separator: ", "))]")
        }
        do throws(APIError) { try volumeStore.remove(name) } catch {
            if !(force && error.status == 404) { throw error }
        }
        events.happened("volume", "destroy", name, [("driver", "local")])
    }

    public func pruneVolumes(filters: JSONObject) throws(APIError) -> JSONObject {
        let filter = Filter(filters)
        let all = filter.values("all").contains { $0 == "true" || $0 == "1" }
        var gone: [JSON] = []
        for volume in volumeStore.all() {
            let labels = volume["Labels"]?.object ?? [:]
            guard let name = volume["Name"]?.string, users(name).isEmpty,
                all || labels["com.docker.volume.anonymous"] != nil,
                filter.takesLabels(labels)
            else { continue }
            do throws(APIError) {
                try removeVolume(name, force: false)
                gone.append(.string(name))
            } catch {}
        }
        return ["VolumesDeleted": .array(gone), "SpaceReclaimed": 0]
    }
}
