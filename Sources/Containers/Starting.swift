import Glibc
import Images
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    /// False: it ran already (304).
    public func start(_ reference: String) throws(APIError) -> Bool {
        let container = try find(reference)
        return try container.alone { () throws(APIError) -> Bool in
            if container.now.isGone { throw APIError(404, "No such container: \(reference)") }
            if container.now.status == .paused {
                throw APIError(409, "cannot start a paused container, try unpause instead")
            }
            if container.now.isAlive { return false }
            try startAnew(container)
            return true
        }
    }

    /// It runs, and what was before is no policy's concern any more. The caller is alone with the container, which does not run.
    func startAnew(_ container: Container) throws(APIError) {
        container.state.change {
            $0.restarts = 0
            $0.isStopped = false
        }
        try begin(container)
    }

    /// It runs. The caller is alone with the container. A failure leaves nothing of the try but the error in its state.
    /// `isByPolicy`: where the disk has no room, it goes on restarting (`restartWhenThereIsRoom`).
    func begin(_ container: Container, isByPolicy: Bool = false) throws(APIError) {
        var undo = Undo()
        do throws(APIError) {
            try begin(container, &undo)
        } catch {
            undo.run()
            for (descriptor, _) in pending.change({ $0.removeValue(forKey: container.id) }) ?? [] { close(descriptor) }
            let code: Int64 = Faults.exitCode(error)
            let isWaiting = isByPolicy && Faults.isFull(error)
            container.state.change {
                $0.status = isWaiting ? .restarting : $0.startedAt == Moment.never ? .created : .exited
                $0.exitCode = code
                $0.error = error.description
                $0.pid = 0
            }
            keep(container)
            if container.now.host["AutoRemove"]?.bool == true {
                do throws(APIError) { try discard(container, volumes: true) } catch {}
            }
            throw error
        }
    }

    private func begin(_ container: Container, _ undo: inout Undo) throws(APIError) {
        let now = container.now
        let root = ContainerRoot(container.directory, map: now.map)
        try Faults.kernel("prepare container \(container.shortID)") { () throws(KernelError) in
            try Files.makeDirectories(container.runtime, mode: 0o711)
            try Files.makeDirectories("\(home.run)/netns")
        }
        undo.add { unlinkTree(container.runtime) }
        let layers = try Faults.image { () throws(ImageError) in try images.layers(of: images.image(container.imageID))
        }
        let users = try makeUserNamespace(container, &undo)
        try Faults.image { () throws(ImageError) in try root.mount(over: layers, now.map, userNamespace: users) }
        undo.add { do throws(ImageError) { try root.unmount() } catch {} }
        try makeVolumes(container)
        try fillVolumes(container)
        let user = try ContainerUser(
            now.config["User"]?.string ?? "", in: "\(container.directory)/rootfs",
            extra: Wish.texts(now.host, "GroupAdd"))
        try Containers.judge(user, now.map)
        let network = try namespace(container, &undo)
        var document = BundleDocument(
            container: container, state: container.now, user: user, network: network, joined: try joined(now))
        document.userNamespace = users
        document.sharedMemory = try SharedMemory.make(container, &undo) { reference throws(APIError) in
            try find(reference)
        }
        let links = try linkLines(container)
        try HostFiles.write(container, hostname: document.hostname, networks: [], links: links)
        let text = try document.document().text
        try Faults.kernel("write the bundle of container \(container.shortID)") { () throws(KernelError) in
            try Files.makeDirectories("\(container.directory)/bundle", mode: 0o700)
            try Files.replace("\(container.directory)/bundle/config.json", with: Array(text.utf8))
            try Files.remove("\(container.directory)/exit.json")
        }
        try planNetworks(container)
        // One that a killed daemon had begun to start.
        if ShimProcess.find(run: container.runtime) != nil { bury(container) }
        try launch(container, hostname: document.hostname, links: links, &undo)
        for (descriptor, request) in pending.change({ $0.removeValue(forKey: container.id) }) ?? [] {
            do throws(APIError) { Pump.start(descriptor, try stream(container, request).descriptor) } catch {
                close(descriptor)
            }
        }
        let answer = try ask(container, ["op": "start"], seconds: 120)
        container.state.change {
            $0.status = .running
            $0.pid = answer["pid"]?.integer ?? 0
            $0.startedAt = Moment.now.text
            $0.finishedAt = Moment.never
            $0.error = ""
            $0.exitCode = 0
            $0.isKilledByOOM = false
        }
        beginHealth(container)
        keep(container)
        tell("start", container)
        tellLinks(container)
        watch(container)
    }

    /// Its shim has made it, and its networks are attached: both at the same time, for only what runs in it needs a network.
    private func launch(_ container: Container, hostname: String, links: String, _ undo: inout Undo) throws(APIError) {
        let options = shimOptions(container)
        let program = "\(home.programs)/berth-shim"
        let shim = Parallel { () -> ShimError? in
            do throws(ShimError) {
                try ShimProcess.launch(options, program: program)
                return nil
            } catch {
                return error
            }
        }
        var failure: APIError?
        do throws(APIError) {
            try attachNetworks(container, &undo)
            try HostFiles.write(
                container, hostname: hostname, networks: container.now.attached, links: links, isShown: true)
        } catch {
            failure = error
        }
        let error = shim.value
        // Also of a shim that was killed before it said a word.
        undo.add { [self] in bury(container) }
        if let failure { throw failure }
        if let error { throw Faults.api(error) }
    }

    func shimOptions(_ container: Container) -> ShimOptions {
        let now = container.now
        var options = ShimOptions(
            id: container.id, bundle: "\(container.directory)/bundle", ociRoot: "\(home.run)/oci",
            run: container.runtime,
            exit: "\(container.directory)/exit.json")
        let log = now.host["LogConfig"]?.object ?? [:]
        if log["Type"]?.string != "none" {
            options.log = "\(container.directory)/log.json"
            let settings = log["Config"]?.object ?? [:]
            options.logMaxSize = settings["max-size"]?.string.flatMap(Faults.bytes)
            options.logMaxFile = settings["max-file"]?.string.flatMap { Int($0) } ?? 1
        }
        options.tty = now.isTerminal
        options.stdin = now.config["OpenStdin"]?.bool ?? false
        return options
    }

    /// The container is gone from its shim and runtime, whatever state it is in.
    func bury(_ container: Container) {
        if let shim = ShimProcess.find(run: container.runtime) { Glibc.kill(shim, SIGKILL) }
        for _ in 0..<200 where ShimProcess.find(run: container.runtime) != nil { usleep(5000) }
        // A runtime outlives its shim, and would write down a container that was just taken away.
        _ = ShimProcess.endStrays(container.id)
        do throws(KernelError) {
            try ShimProcess.bury(shimOptions(container), runtime: "\(home.programs)/berth-oci")
        } catch {}
    }

    // MARK: parts

    func joined(_ now: ContainerState) throws(APIError) -> [String: String] {
        var joined: [String: String] = [:]
        for (key, type) in [("PidMode", "pid"), ("IpcMode", "ipc")] {
            guard let other = try other(now.host[key]?.string ?? "", key) else { continue }
            guard other.now.isAlive else {
                throw APIError(409, "cannot join \(type) namespace of a non running container: \(other.shortID)")
            }
            joined[type] = "/proc/\(other.now.pid)/ns/\(type)"
        }
        return joined
    }

    /// A volume that is empty gets what the image has at its place.
    private func fillVolumes(_ container: Container) throws(APIError) {
        for mount in container.now.mounts where mount["Type"]?.string == "volume" && mount["Copy"]?.bool == true {
            let target = mount["Destination"]?.string ?? ""
            let data = mount["Source"]?.string ?? ""
            let isEmpty = (try? Files.names(in: data).isEmpty) ?? false
            guard isEmpty, (try? RootArchive.stat(target, in: "\(container.directory)/rootfs")) != nil else { continue }
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw APIError(500, "make a pipe: \(Errno.current)") }
            let (reader, writer) = (ends[0], ends[1])
            Threads.start {
                do throws(ImageError) {
                    try RootArchive.read(target + "/.", in: "\(container.directory)/rootfs", to: writer)
                } catch {}
                close(writer)
            }
            defer { close(reader) }
            try Faults.image { () throws(ImageError) in
                try RootArchive.write("/", in: data, from: reader, noOverwriteDirNonDir: false)
            }
        }
    }
}

extension Wish {
    /// The ports of a container that was judged.
    static func ports(_ state: ContainerState) throws(APIError) -> [PublishedPort] {
        var wish = Wish(config: state.config, host: state.host)
        wish.endpoints = state.endpoints
        return try wish.ports()
    }

    /// Whether a container that was made could have been made with this HostConfig.
    static func judge(_ state: ContainerState, host: JSONObject) throws(APIError) {
        var wish = Wish(config: state.config, host: host)
        wish.endpoints = state.endpoints
        try wish.judgeHost()
        try wish.judgeEverything()
    }

    private init(config: JSONObject, host: JSONObject) {
        self.config = config
        self.host = host
        endpoints = [:]
    }
}
