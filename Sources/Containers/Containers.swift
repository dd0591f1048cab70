import Glibc
import Images
import JSON
import MiniRuntime
import NetCore
import Networks

/// A stream to a container's process: a connected socket whose bytes are Docker's stream from here on (docs/runtime/parts.md, attach, exec).
/// Whoever has it closes it.
public struct ContainerStream: ~Copyable {
    public var descriptor: OwnedDescriptor
    public var isTerminal: Bool
}

/// Docker's containers. Every function may be called from any thread and waits for what it does; a container is changed by one at a time.
/// References are an id, a beginning of one, or a name. Bodies and answers are those of the Docker Engine API 1.50.
public final class Containers: Sendable {
    public let home: Home
    public let images: ImageStore
    public let networks: NetworkStore
    let events: any EventSink
    let table = Monitor(NameTable())
    let execs = Monitor([String: ExecState]())
    /// Clients that attached before the start: our end of their stream, and what they want of it.
    let pending = Monitor([String: [(Int32, JSONObject)]]())
    let volumeStore: VolumeStore
    let healthSchedule = HealthSchedule()
    /// While it is true what stands in the table may be of before: nothing is started by a policy.
    let isRecovering = Monitor(false)
    /// One at a time writes into the hosts files of containers that run.
    let linkFiles = Monitor(())
    /// What the users of containers are on the host; nil: themselves.
    public let remap: IDMap?

    public init(
        _ home: Home, _ images: ImageStore, _ networks: NetworkStore, _ events: any EventSink, remap: IDMap? = nil
    ) {
        self.remap = remap
        self.home = home
        self.images = images
        self.networks = networks
        self.events = events
        volumeStore = VolumeStore(directory: "\(home.root)/volumes")
    }

    func find(_ reference: String) throws(APIError) -> Container {
        try table.change { table throws(APIError) in try table.find(reference) }
    }

    /// `container` events carry name, image and labels.
    func tell(_ action: String, _ container: Container, _ more: [(String, String)] = []) {
        let now = container.now
        var attributes = [("image", container.imageName), ("name", now.name)]
        for (key, value) in now.config["Labels"]?.object ?? JSONObject() {
            attributes.append((key, value.string ?? ""))
        }
        events.happened("container", action, container.id, attributes + more)
    }

    // MARK: create

    public func create(name: String?, _ body: JSONObject) throws(APIError) -> JSONObject {
        let judged = try judge(body)
        var warnings: [JSON] = []
        let id = Names.newID()
        let chosen = try table.change { table throws(APIError) -> String in
            let taken = table.names
            let chosen = name.flatMap { $0.isEmpty ? nil : $0 } ?? Names.generated { taken[$0] != nil }
            try table.reserve(chosen, for: id)
            return chosen
        }
        var made: [String] = []
        let container = Container(
            home, id: id, created: Moment.now.text, imageID: judged.image.id, imageName: judged.reference,
            judged.state(chosen))
        do throws(APIError) {
            warnings = try exceeding(container, judged).map { .string($0) }
            warnings += try Resources.leftOut(judged.wish.host).map {
                .string("\($0) is left out: control groups v2 have nothing of the kind")
            }
            if Wish.publishesInVain(judged.wish.host) {
                warnings.append("Published ports are discarded when using host network mode")
            }
            let planned = try points(judged)
            container.state.change { $0.mounts = planned }
            // Written down before they are made: a daemon that is killed in between knows which volumes are nobody's.
            try container.announce()
            try makeVolumes(container) { made.append($0) }
            try container.save()
        } catch {
            for name in made where users(name).isEmpty {
                do throws(APIError) { try volumeStore.remove(name) } catch {}
            }
            table.change { $0.free(chosen, of: id) }
            removeAnonymousVolumes(container)
            unlinkTree(container.directory)
            throw error
        }
        table.change { $0.insert(container) }
        tell("create", container)
        return ["Id": .string(id), "Warnings": .array(warnings)]
    }

    func judgeNetwork(_ mode: String, _ wish: Wish, _ ports: [PublishedPort]) throws(APIError) {
        if try other(mode, "NetworkMode") != nil {
            guard ports.isEmpty else {
                throw APIError(400, "conflicting options: port publishing and the container type network mode")
            }
            return
        }
        guard !["", "default", "host", "none", "bridge"].contains(mode) else { return }
        do throws(NetworkError) { _ = try networks.network(mode) } catch {
            throw APIError(error.status, error.description)
        }
    }

    /// The container that a mode as `container:web` names; nil for any other mode. Throws 404.
    func other(_ mode: String, _ key: String) throws(APIError) -> Container? {
        guard mode.hasPrefix("container:") else {
            guard ["", "default", "host", "none", "private", "shareable"].contains(mode) || key == "NetworkMode" else {
                throw APIError(400, "invalid \(key): \(mode)")
            }
            return nil
        }
        return try find(String(mode.dropFirst("container:".count)))
    }

    /// The volumes of its mounts are there; `made` is told of each that was not before.
    func makeVolumes(_ container: Container, made: (String) -> Void = { _ in }) throws(APIError) {
        let now = container.now
        for mount in now.mounts where mount["Type"]?.string == "volume" {
            let name = mount["Name"]?.string ?? ""
            let isNew = !volumeStore.has(name)
            _ = try volumeStore.make(
                name, isAnonymous: mount["Anonymous"]?.bool ?? false, owner: (remap ?? now.map)?.root)
            if isNew { made(name) }
        }
    }

    /// What a create mounts: others' points, and its own; sources of binds are made, where it is not only `planned`.
    func points(_ judged: Judged, planned: Bool = false) throws(APIError) -> [JSONObject] {
        let places = Set(judged.inherited.compactMap { $0["Destination"]?.string })
        let own = judged.mounts.filter { !$0.isImplied || !places.contains($0.target) }
        return try judged.inherited + points(own, (remap ?? judged.map)?.root, planned: planned)
    }

    /// The mounts as Docker's MountPoint objects.
    private func points(
        _ wishes: [MountWish], _ owner: (user: UInt32, group: UInt32)?, planned: Bool
    ) throws(APIError) -> [JSONObject] {
        // Before anything is made.
        for wish in wishes where wish.kind == .bind && !wish.makesSource && !Files.exists(wish.source) {
            throw APIError(
                400, "invalid mount config for type \"bind\": bind source path does not exist: \(wish.source)")
        }
        var points: [JSONObject] = []
        for wish in wishes {
            var point: JSONObject = [
                "Type": .string(wish.kind.rawValue), "Source": .string(wish.source),
                "Destination": .string(wish.target),
                "Mode": .string(wish.options.joined(separator: ",")), "RW": .bool(!wish.isReadOnly),
                "Propagation": .string(wish.kind == .bind ? wish.propagation : ""),
            ]
            switch wish.kind {
            case .bind:
                if !planned, !Files.exists(wish.source) {
                    do throws(KernelError) { try HostFiles.makeDirectories(wish.source, owner) } catch {
                        throw APIError(500, "make the source of a bind mount: \(error)")
                    }
                }
            case .volume:
                let isAnonymous = wish.source.isEmpty
                let name = isAnonymous ? Names.newID() : wish.source
                let volume = try volumeStore.planned(name)
                point["Name"] = volume["Name"]
                point["Driver"] = "local"
                point["Source"] = volume["Mountpoint"]
                point["Copy"] = .bool(wish.copies)
                point["Anonymous"] = .bool(isAnonymous)
            case .tmpfs: break
            }
            points.append(point)
        }
        return points
    }

    // MARK: simple things

    public func rename(_ reference: String, to name: String) throws(APIError) {
        let container = try find(reference)
        let old = container.now.name
        try table.change { table throws(APIError) in try table.reserve(name, for: container.id) }
        do throws(APIError) {
            container.state.change { $0.name = name }
            try container.saveRequest()
            do throws(NetworkError) { try networks.rename(container.id, to: name) } catch {
                throw APIError(error.status, error.description)
            }
        } catch {
            container.state.change { $0.name = old }
            if old != name { table.change { $0.free(name, of: container.id) } }
            keep(container)
            do throws(NetworkError) { try networks.rename(container.id, to: old) } catch {}
            throw error
        }
        if old != name { table.change { $0.free(old, of: container.id) } }
        tell("rename", container, [("oldName", "/\(old)")])
    }

    public func resize(_ reference: String, rows: Int, columns: Int) throws(APIError) {
        let container = try running(reference)
        _ = try ask(container, ["op": "resize", "rows": .integer(Int64(rows)), "columns": .integer(Int64(columns))])
    }

    /// A container that does not run yet gets the stream when it starts: clients attach first, so as to miss nothing.
    public func attach(_ reference: String, stdin: Bool, stdout: Bool, stderr: Bool) throws(APIError) -> ContainerStream
    {
        let container = try find(reference)
        let request: JSONObject = [
            "op": "attach", "stdin": .bool(stdin), "stdout": .bool(stdout), "stderr": .bool(stderr),
        ]
        let isTerminal = container.now.isTerminal
        tell("attach", container)
        if !container.now.isAlive {
            let ends = try Pump.pair()
            pending.change {
                var waiting = $0[container.id] ?? []
                // Clients that have gone meanwhile hold nothing.
                waiting.removeAll { client, _ in
                    var polled = pollfd(fd: client, events: 0, revents: 0)
                    guard poll(&polled, 1, 0) == 1 else { return false }
                    close(client)
                    return true
                }
                $0[container.id] = waiting + [(ends.1, request)]
            }
            return ContainerStream(descriptor: OwnedDescriptor(taking: ends.0), isTerminal: isTerminal)
        }
        return ContainerStream(
            descriptor: OwnedDescriptor(taking: try Pump.lasting(stream(container, request).descriptor)),
            isTerminal: isTerminal)
    }

    /// A connection to the shim that is a stream now; the caller closes it.
    func stream(_ container: Container, _ request: JSONObject) throws(APIError) -> (
        descriptor: Int32, answer: JSONObject
    ) {
        let outcome: Result<(Int32, JSONObject), APIError> = {
            do throws(KernelError) {
                let connection = try ShimConnection(container.socket)
                do throws(ShimError) {
                    let answer = try connection.request(request)
                    return .success((connection.takeStream().release(), answer))
                } catch {
                    return .failure(Faults.api(error))
                }
            } catch {
                return .failure(APIError(409, "container \(container.shortID) is not running: \(error)"))
            }
        }()
        let (descriptor, answer) = try outcome.get()
        return (descriptor, answer)
    }

    public func log(_ reference: String) throws(APIError) -> (path: String, isTerminal: Bool, isRunning: Bool) {
        let container = try find(reference)
        let now = container.now
        return ("\(container.directory)/log.json", now.isTerminal, now.isAlive)
    }

    func running(_ reference: String) throws(APIError) -> Container {
        let container = try find(reference)
        guard container.now.isAlive else { throw APIError(409, "container \(container.id) is not running") }
        return container
    }

    /// One request to a container's shim.
    func ask(_ container: Container, _ request: JSONObject, seconds: Int? = 30) throws(APIError) -> JSONObject {
        let outcome: Result<JSONObject, APIError> = {
            do throws(KernelError) {
                let connection = try ShimConnection(container.socket)
                do throws(ShimError) {
                    return .success(try connection.request(request, seconds: seconds))
                } catch {
                    return .failure(Faults.api(error))
                }
            } catch {
                return .failure(APIError(500, "the shim of container \(container.shortID) does not answer: \(error)"))
            }
        }()
        return try outcome.get()
    }

    public func counts() -> (all: Int, running: Int, paused: Int, stopped: Int) {
        let all = table.read { $0.all }.map { $0.now.status }
        return (
            all.count, all.filter { $0 == .running }.count, all.filter { $0 == .paused }.count,
            all.filter { ![.running, .paused].contains($0) }.count
        )
    }
}
