import Images
import JSON
import MiniRuntime
import NetCore
import Networks

/// What a create body asks for, judged as a whole before anything is made, with the image's defaults filled in.
struct Wish {
    var config: JSONObject
    var host: JSONObject
    /// `NetworkingConfig.EndpointsConfig`.
    var endpoints: JSONObject

    init(_ request: JSONObject, _ image: Image) throws(APIError) {
        let body = Body(request)
        config = Wish.merged(
            request.removing("HostConfig", "NetworkingConfig"), over: image.configuration["config"]?.object ?? [:])
        host = try body.body("HostConfig").object
        endpoints = try body.body("NetworkingConfig").body("EndpointsConfig").object
        let own = Body(config)
        for key in ["Hostname", "Domainname", "User", "WorkingDir", "StopSignal", "Image"] { _ = try own.text(key) }
        for key in ["Env", "Cmd", "Entrypoint"] { _ = try own.texts(key, orOne: true) }
        for key in ["Tty", "OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr"] {
            _ = try own.flag(key)
        }
        let hostname = try own.text("Hostname")
        guard hostname.utf8.count <= 63 else { throw APIError(400, "Hostname \(hostname): give at most 63 characters") }
        if let signal = config["StopSignal"]?.string, !signal.isEmpty { _ = try SignalName.asked(signal) }
        _ = try own.number("StopTimeout", in: -1...Int64(Int32.max))
        let directory = try own.text("WorkingDir")
        guard directory.isEmpty || directory.hasPrefix("/") else {
            throw APIError(400, "the working directory '\(directory)' is invalid, it needs to be an absolute path")
        }
        guard !arguments.isEmpty else {
            throw APIError(400, "no command specified: the image has none, so name one after it")
        }
        _ = try HealthCheck(config)
        try judgeHost()
        try judgeEverything()
    }

    /// Entrypoint and command: what is executed.
    var arguments: [String] { texts("Entrypoint") + texts("Cmd") }

    private func texts(_ key: String) -> [String] { Wish.texts(config, key) }

    /// What the image says stands where the request says nothing.
    static func merged(_ asked: JSONObject, over own: JSONObject) -> JSONObject {
        var config = asked
        func isEmpty(_ value: JSON?) -> Bool {
            switch value {
            case nil, .null: true
            case .string(let text): text.isEmpty
            case .array(let elements): elements.isEmpty
            case .object(let object): object.isEmpty
            default: false
            }
        }
        let hasEntrypoint = !isEmpty(asked["Entrypoint"])
        for key in ["Entrypoint", "User", "WorkingDir", "StopSignal"] where isEmpty(config[key]) {
            if let value = own[key] { config[key] = value }
        }
        if isEmpty(config["Cmd"]), !hasEntrypoint, let value = own["Cmd"] { config["Cmd"] = value }
        var environment: [(String, String)] = []
        for list in [own["Env"], asked["Env"]] {
            for text in (list?.array ?? []).compactMap(\.string) {
                let name = String(text.prefix { $0 != "=" })
                environment.removeAll { $0.0 == name }
                if text.contains("=") { environment.append((name, text)) }
            }
        }
        if !environment.contains(where: { $0.0 == "PATH" }) {
            environment.insert(("PATH", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), at: 0)
        }
        config["Env"] = .array(environment.map { .string($0.1) })
        config["Healthcheck"] = HealthCheck.merged(asked["Healthcheck"], over: own["Healthcheck"])
        for key in ["Labels", "ExposedPorts", "Volumes"] {
            var object = own[key]?.object ?? JSONObject()
            for (name, value) in asked[key]?.object ?? [:] { object[name] = value }
            config[key] = .object(object)
        }
        return config
    }

    func judgeHost() throws(APIError) {
        let body = Body(host, at: "HostConfig")
        let memory = try body.number("Memory") ?? 0
        guard memory == 0 || memory >= 6 << 20 else {
            throw APIError(400, "Minimum memory limit allowed is 6MB: \(memory) bytes were asked for")
        }
        let swap = try body.number("MemorySwap") ?? 0
        guard swap <= 0 || memory > 0 else {
            throw APIError(400, "You should always set the Memory limit when using Memoryswap limit, see usage")
        }
        guard swap <= 0 || swap >= memory else {
            throw APIError(400, "Minimum memoryswap limit should be larger than memory limit, see usage")
        }
        let reservation = try body.number("MemoryReservation") ?? 0
        guard reservation == 0 || memory == 0 || reservation <= memory else {
            throw APIError(400, "Minimum memory limit can not be less than memory reservation limit, see usage")
        }
        let nano = try body.number("NanoCpus") ?? 0
        let quota = try body.number("CpuQuota") ?? 0
        guard nano >= 0, nano == 0 || quota == 0 else {
            throw APIError(400, "Conflicting options: Nano CPUs and CPU Quota cannot both be set.")
        }
        _ = try body.number("CpuShares", in: 0...262144)
        _ = try body.number("PidsLimit")
        for key in ["CapAdd", "CapDrop"] { _ = try Wish.capabilities(body.texts(key)) }
        for option in try body.texts("SecurityOpt") { try Wish.judgeSecurity(option) }
        let policy = try body.body("RestartPolicy")
        let name = try policy.text("Name")
        guard ["", "no", "always", "unless-stopped", "on-failure"].contains(name) else {
            throw APIError(400, "invalid restart policy '\(name)': it is no, always, unless-stopped or on-failure")
        }
        let retries = try policy.number("MaximumRetryCount") ?? 0
        guard retries >= 0, retries == 0 || name == "on-failure" else {
            throw APIError(400, "maximum retry count can only be used with on-failure, and is not negative")
        }
        if try body.flag("AutoRemove"), !["", "no"].contains(name) {
            throw APIError(400, "can't create 'AutoRemove' container with restart policy")
        }
        let driver = try body.body("LogConfig").text("Type")
        guard ["", "json-file", "none"].contains(driver) else {
            throw APIError(400, "log driver '\(driver)': berth has json-file and none")
        }
        _ = try ports()
        _ = try mounts()
        let users = try body.text("UsernsMode")
        guard ["", "host", "private"].contains(users) else {
            throw APIError(
                400,
                "invalid USER mode: \(users): it is host (the host's users), private (a user namespace), or what the daemon does (berth daemon --userns-remap)"
            )
        }
        for text in try body.texts("VolumesFrom") { _ = try Wish.volumesFrom(text) }
        try judgeLinks()
        for limit in try body.bodies("Ulimits") {
            let name = try limit.text("Name")
            guard Wish.limits.contains(name) else { throw APIError(400, "invalid ulimit type: \(name)") }
        }
        for key in ["ShmSize", "OomScoreAdj"] { _ = try body.number(key) }
    }

    static let limits = [
        "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
        "rtprio",
        "rttime", "sigpending", "stack",
    ]

    /// CAP_X for x, CAP_X and ALL. Throws 400 for what the kernel does not know.
    static func capabilities(_ names: [String]) throws(APIError) -> [String] {
        var found: [String] = []
        for name in names {
            let upper = name.uppercased()
            if upper == "ALL" {
                found.append("ALL")
                continue
            }
            let full = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
            guard Rights.all.contains(full) else {
                throw APIError(
                    400,
                    "invalid capability: \(name): capabilities are named in man 7 capabilities, CAP_NET_ADMIN for instance"
                )
            }
            found.append(full)
        }
        return found
    }

    private static func judgeSecurity(_ option: String) throws(APIError) {
        let parts = option.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "=" || $0 == ":" }.map(
            String.init)
        switch parts[0] {
        case "no-new-privileges": return
        case "seccomp":
            guard parts.count == 2 else { break }
            if ["unconfined", "builtin", "default"].contains(parts[1]) { return }
            do throws(JSONError) {
                if try JSON(parsing: Array(parts[1].utf8)).object != nil { return }
            } catch {
                throw APIError(400, "the seccomp profile is no JSON: \(error)")
            }
        case "apparmor", "label", "systempaths":
            if parts.count == 2, ["unconfined", "disable"].contains(parts[1]) { return }
        default: break
        }
        throw APIError(
            400,
            "invalid --security-opt: \"\(option)\": berth takes no-new-privileges, seccomp=unconfined, seccomp=PROFILE and apparmor=unconfined"
        )
    }

    // MARK: ports

    /// The published ports, and for `PublishAllPorts` one for each that is exposed.
    func ports() throws(APIError) -> [PublishedPort] {
        var ports: [PublishedPort] = []
        let bindings = try Body(host, at: "HostConfig").body("PortBindings")
        for (key, _) in bindings.object {
            let (numbers, name) = try Wish.portRange(key)
            for binding in try bindings.bodies(key) {
                let address = try binding.text("HostIp")
                guard address.isEmpty || IPAddress(address) != nil else {
                    throw APIError(400, "invalid IP address: \(address): the host's side of port \(key)")
                }
                let hostPorts = try Wish.hostPorts(binding, wanted: numbers.count)
                for (number, host) in zip(numbers, hostPorts) {
                    ports.append(
                        PublishedPort(
                            hostAddress: address, hostPort: host.lowerBound, lastHostPort: host.upperBound,
                            containerPort: number, protocolName: name))
                }
            }
        }
        var seen: Set<PublishedPort> = []
        for var port in ports where port.hostPort != 0 && port.lastHostPort == port.hostPort {
            port.containerPort = 0
            guard seen.insert(port).inserted else {
                throw APIError(
                    400, "host port \(port.hostPort)/\(port.protocolName) is published twice: take another one")
            }
        }
        if host["PublishAllPorts"]?.bool == true {
            for (key, _) in config["ExposedPorts"]?.object ?? JSONObject() {
                let (numbers, name) = try Wish.portRange(key)
                for number in numbers
                where !ports.contains(where: { $0.containerPort == number && $0.protocolName == name }) {
                    ports.append(PublishedPort(hostAddress: "", hostPort: 0, containerPort: number, protocolName: name))
                }
            }
        }
        return ports
    }

    /// The host's side of so many ports: of one the ports to choose from, 0: any free one.
    private static func hostPorts(_ binding: Body, wanted: Int) throws(APIError) -> [ClosedRange<UInt16>] {
        let text = try binding.text("HostPort")
        guard !text.isEmpty else { return Array(repeating: 0...0, count: wanted) }
        guard let numbers = numbers(text) else {
            throw APIError(400, "invalid port specification: \"\(text)\": a port is a number up to 65535")
        }
        if numbers.lowerBound == 0, numbers.count == 1 { return Array(repeating: 0...0, count: wanted) }
        guard numbers.lowerBound > 0, wanted == 1 || numbers.count == wanted else {
            throw APIError(
                400,
                "\(binding.name("HostPort")) is \(text) for \(wanted) port\(wanted == 1 ? "" : "s") of the container: name as many of the host, or none for any free one"
            )
        }
        return wanted == 1 ? [numbers] : numbers.map { $0...$0 }
    }
}

/// Capabilities by name.
enum Rights {
    /// Docker's default set.
    static let standard = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL",
        "CAP_AUDIT_WRITE",
    ]
    static let all =
        standard + [
            "CAP_DAC_READ_SEARCH", "CAP_LINUX_IMMUTABLE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_IPC_LOCK",
            "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN",
            "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_LEASE",
            "CAP_AUDIT_CONTROL", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
            "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
        ]

    /// What a container has with these wishes, in the kernel's order of names.
    static func granted(_ host: JSONObject) throws(APIError) -> [String] {
        if host["Privileged"]?.bool == true { return all }
        let body = Body(host, at: "HostConfig")
        let added = try Wish.capabilities(body.texts("CapAdd"))
        let dropped = try Wish.capabilities(body.texts("CapDrop"))
        var set = Set(dropped.contains("ALL") ? [] : standard)
        if added.contains("ALL") { set.formUnion(all) }
        set.subtract(dropped)
        set.formUnion(added.filter { $0 != "ALL" })
        return all.filter(set.contains)
    }
}
