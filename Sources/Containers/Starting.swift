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
            container.state.change {
                $0.restarts = 0
                $0.isStopped = false
            }
            try begin(container)
            return true
        }
    }

    /// It runs. The caller is alone with the container. A failure leaves nothing of the try but the error in its state.
    func begin(_ container: Container) throws(APIError) {
        var undo = Undo()
        do throws(APIError) {
            try begin(container, &undo)
        } catch {
            undo.run()
            for (descriptor, _) in pending.change({ $0.removeValue(forKey: container.id) }) ?? [] { close(descriptor) }
            let code: Int64 = Faults.exitCode(error)
            container.state.change {
                $0.status = $0.startedAt == Moment.never ? .created : .exited
                $0.exitCode = code
                $0.error = error.description
                $0.pid = 0
            }
            do throws(APIError) { try container.save() } catch {}
            if container.now.host["AutoRemove"]?.bool == true {
                do throws(APIError) { try discard(container, volumes: true) } catch {}
            }
            throw error
        }
    }

    private func begin(_ container: Container, _ undo: inout Undo) throws(APIError) {
        let now = container.now
        let root = ContainerRoot(container.directory)
        try Faults.kernel("prepare container \(container.shortID)") { () throws(KernelError) in
            try Files.makeDirectories(container.runtime, mode: 0o711)
            try Files.makeDirectories("\(home.run)/netns")
        }
        undo.add { unlinkTree(container.runtime) }
        let layers = try Faults.image { () throws(ImageError) in try images.layers(of: images.image(container.imageID))
        }
        try Faults.image { () throws(ImageError) in try root.mount(over: layers) }
        undo.add { do throws(ImageError) { try root.unmount() } catch {} }
        try fillVolumes(container)
        let user = try ContainerUser(
            now.config["User"]?.string ?? "", in: "\(container.directory)/rootfs",
            extra: Wish.texts(now.host, "GroupAdd"))
        let network = try connect(container, &undo)
        var document = BundleDocument(
            container: container, state: container.now, user: user, network: network, joined: try joined(now))
        document.sharedMemory = try SharedMemory.make(container, &undo) { reference throws(APIError) in
            try find(reference)
        }
        try HostFiles.write(container, hostname: document.hostname, networks: container.now.attached)
        let text = try document.document().text
        try Faults.kernel("write the bundle of container \(container.shortID)") { () throws(KernelError) in
            try Files.makeDirectories("\(container.directory)/bundle", mode: 0o700)
            try Files.replace("\(container.directory)/bundle/config.json", with: Array(text.utf8))
            try Files.remove("\(container.directory)/exit.json")
        }
        let options = shimOptions(container)
        do throws(ShimError) {
            try ShimProcess.launch(options, program: "\(home.programs)/berth-shim")
        } catch {
            throw Faults.api(error)
        }
        undo.add { [self] in bury(container) }
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
        try container.save()
        tell("start", container)
        watch(container)
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
        options.runtime = "\(home.programs)/berth-oci"
        return options
    }

    /// The container is gone from its shim and runtime, whatever state it is in.
    func bury(_ container: Container) {
        if let shim = ShimProcess.find(run: container.runtime) { Glibc.kill(shim, SIGKILL) }
        for _ in 0..<200 where ShimProcess.find(run: container.runtime) != nil { usleep(5000) }
        do throws(KernelError) {
            try ShimProcess.bury(shimOptions(container), runtime: "\(home.programs)/berth-oci")
        } catch {}
    }

    // MARK: parts

    private func joined(_ now: ContainerState) throws(APIError) -> [String: String] {
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

    /// The path of its network namespace, with every network attached; nil for the host's.
    private func connect(_ container: Container, _ undo: inout Undo) throws(APIError) -> String? {
        let now = container.now
        let mode = now.host["NetworkMode"]?.string ?? ""
        if mode == "host" { return nil }
        if let other = try other(mode, "NetworkMode") {
            guard other.now.isAlive else {
                throw APIError(409, "cannot join network of a non running container: \(other.id)")
            }
            return other.now.host["NetworkMode"]?.string == "host" ? nil : "/proc/\(other.now.pid)/ns/net"
        }
        try Faults.kernel("make the network namespace of container \(container.shortID)") { () throws(KernelError) in
            _ = try NamedNamespace.add(container.id, directory: "\(home.run)/netns")
        }
        undo.add { [home] in
            do throws(KernelError) { try NamedNamespace.remove(container.id, directory: "\(home.run)/netns") } catch {}
        }
        try Faults.kernel("bring up lo of container \(container.shortID)") { () throws(KernelError) in
            try Loopback.up(container.namespace)
        }
        guard mode != "none" else { return container.namespace }
        let first = ["", "default"].contains(mode) ? "bridge" : mode
        let ports = try Wish.ports(now)
        let names = [first] + now.endpoints.keys.filter { !["default", first].contains($0) && !isSame($0, first) }
        // Written down before it is done: a daemon that is killed in between knows what to take away.
        let planned = names.enumerated().map { index, name in
            var attached = AttachedNetwork()
            attached.network = name
            attached.interface = "eth\(index)"
            return attached
        }
        container.state.change { $0.attached = planned }
        try container.save()
        for (index, name) in names.enumerated() {
            do throws(APIError) {
                let attached = try attach(container, to: name, interface: "eth\(index)", ports: index == 0 ? ports : [])
                undo.add { [self] in detach(container, attached) }
                container.state.change { $0.attached[index] = attached }
            } catch {
                // A failed ADD was followed by DEL, and those after it were not tried.
                container.state.change { $0.attached.removeAll { $0.endpointID.isEmpty } }
                throw error
            }
        }
        try container.save()
        return container.namespace
    }

    private func isSame(_ one: String, _ other: String) -> Bool {
        do throws(NetworkError) {
            return try networks.network(one)["Id"] == networks.network(other)["Id"]
        } catch {
            return false
        }
    }

    /// One more network; what it got is the answer.
    func attach(_ container: Container, to name: String, interface: String, ports: [PublishedPort]) throws(APIError)
        -> AttachedNetwork
    {
        let now = container.now
        var wish = AttachmentWish()
        wish.containerID = container.id
        wish.containerName = now.name
        wish.namespace = container.namespace
        wish.interface = interface
        wish.ports = ports
        let endpoint = now.endpoints[name]?.object ?? (name == "bridge" ? now.endpoints["default"]?.object : nil) ?? [:]
        let address = endpoint["IPAMConfig"]?["IPv4Address"]?.string ?? ""
        let address6 = endpoint["IPAMConfig"]?["IPv6Address"]?.string ?? ""
        wish.addresses = [address, address6].filter { !$0.isEmpty }
        let mac = endpoint["MacAddress"]?.string ?? ""
        let own = interface == "eth0" ? now.config["MacAddress"]?.string ?? "" : ""
        if !mac.isEmpty || !own.isEmpty { wish.macAddress = mac.isEmpty ? own : mac }
        wish.aliases = (endpoint["Aliases"]?.array ?? []).compactMap(\.string)
        do throws(NetworkError) {
            let attached = try networks.attach(wish, to: name)
            events.happened(
                "network", "connect", attached.networkID,
                [("container", container.id), ("name", name), ("type", "bridge")])
            return attached
        } catch {
            throw APIError(error.status, error.description)
        }
    }

    /// Its network is gone; what could not be taken away is told in its state and tried again later.
    func detach(_ container: Container, _ attached: AttachedNetwork) {
        do throws(NetworkError) {
            try networks.detach(container.id, namespace: container.namespace, from: attached)
            container.state.change { $0.attached.removeAll { $0.interface == attached.interface } }
            events.happened(
                "network", "disconnect", attached.networkID,
                [("container", container.id), ("name", attached.network), ("type", "bridge")])
        } catch {
            container.state.change { $0.pendingDelete = error.description }
        }
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

/// What has to be taken back when a start fails, the last first.
struct Undo {
    private var steps: [() -> Void] = []
    mutating func add(_ step: @escaping () -> Void) { steps.append(step) }
    mutating func run() {
        for step in steps.reversed() { step() }
        steps = []
    }
}

func unlinkTree(_ path: String) { do throws(KernelError) { try Trees.remove(path) } catch {} }

/// Other parts' errors as Docker's.
enum Faults {
    static func kernel<Value>(_ what: String, _ body: () throws(KernelError) -> Value) throws(APIError) -> Value {
        do throws(KernelError) { return try body() } catch { throw APIError(500, "\(what): \(error)") }
    }

    static func image<Value>(_ body: () throws(ImageError) -> Value) throws(APIError) -> Value {
        do throws(ImageError) { return try body() } catch { throw APIError(error.status, error.description) }
    }

    static func api(_ error: ShimError) -> APIError {
        switch error.code {
        // The client reads its exit code from these words.
        case 127: APIError(400, "failed to create task for container: \(error.text)")
        case 126: APIError(400, "failed to create task for container: \(error.text)")
        default: APIError(500, error.text)
        }
    }

    /// 127 for what is not there, 126 for what cannot be executed, else 128 as Docker writes down.
    static func exitCode(_ error: APIError) -> Int64 {
        if error.status == 400,
            error.description.holds("no such file or directory") || error.description.holds("executable file not found")
        {
            return 127
        }
        if error.status == 400, error.description.holds("failed to create task") { return 126 }
        return 128
    }

    /// Bytes of "10m", "1g", "500".
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isNumber }
        guard let number = Int(digits), number >= 0 else { return nil }
        switch text.dropFirst(digits.count).lowercased() {
        case "", "b": return number
        case "k", "kb": return number << 10
        case "m", "mb": return number << 20
        case "g", "gb": return number << 30
        default: return nil
        }
    }
}

/// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container.
enum HostFiles {
    static func write(_ container: Container, hostname: String, networks: [AttachedNetwork]) throws(APIError) {
        let now = container.now
        var hosts =
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
        if now.host["NetworkMode"]?.string == "host" { hosts = text("/etc/hosts") ?? hosts }
        for entry in Wish.texts(now.host, "ExtraHosts") {
            let (name, said) = try Wish.extraHost(entry)
            let address = said == "host-gateway" ? networks.first?.gateways.first ?? "127.0.0.1" : said
            hosts += "\(address)\t\(name)\n"
        }
        for attached in networks {
            for address in attached.addresses { hosts += "\(address.prefix { $0 != "/" })\t\(hostname)\n" }
        }
        var lines: [String] = []
        let servers = Wish.texts(now.host, "Dns")
        let own = networks.flatMap(\.nameservers)
        let host = (text("/etc/resolv.conf") ?? "").split(separator: "\n").map(String.init)
        if !own.isEmpty, servers.isEmpty {
            lines = own.map { "nameserver \($0)" }
        } else if !servers.isEmpty {
            lines = servers.map { "nameserver \($0)" }
        } else {
            let isShared = now.host["NetworkMode"]?.string == "host"
            // A resolver on the host's own loopback is not reached from a namespace of one's own.
            lines = host.filter { $0.hasPrefix("nameserver") && (isShared || !$0.holds(" 127.") && !$0.holds(" ::1")) }
        }
        let search = Wish.texts(now.host, "DnsSearch")
        lines +=
            search.isEmpty
            ? host.filter { $0.hasPrefix("search") || $0.hasPrefix("domain") }
            : ["search " + search.joined(separator: " ")]
        let options = Wish.texts(now.host, "DnsOptions")
        lines +=
            options.isEmpty ? host.filter { $0.hasPrefix("options") } : ["options " + options.joined(separator: " ")]
        let files = [
            ("hosts", hosts), ("hostname", hostname.isEmpty ? "" : hostname + "\n"),
            ("resolv.conf", lines.map { $0 + "\n" }.joined()),
        ]
        try Faults.kernel("write a container's files") { () throws(KernelError) in
            for (name, content) in files {
                try Files.replace("\(container.directory)/\(name)", with: Array(content.utf8), mode: 0o644)
            }
        }
    }

    private static func text(_ path: String) -> String? {
        do throws(KernelError) { return String(decoding: try Files.read(path), as: UTF8.self) } catch { return nil }
    }
}
