import Images
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    public func inspect(_ reference: String, size: Bool) throws(APIError) -> JSONObject {
        let container = try find(reference)
        let now = container.now
        let directory = container.directory
        var host = now.host
        if host["NetworkMode"]?.string ?? "" == "" { host["NetworkMode"] = "bridge" }
        for (key, value) in Containers.defaults where host[key] == nil { host[key] = value }
        if let links = linksInWords(now) { host["Links"] = links }
        var config = now.config
        if config["Hostname"]?.string ?? "" == "" { config["Hostname"] = .string(container.shortID) }
        config["Image"] = .string(container.imageName)
        let arguments = Wish.texts(now.config, "Entrypoint") + Wish.texts(now.config, "Cmd")
        var state: JSONObject = [
            "Status": .string(now.status.rawValue), "Running": .bool(now.isAlive),
            "Paused": .bool(now.status == .paused),
            "Restarting": .bool(now.status == .restarting), "OOMKilled": .bool(now.isKilledByOOM),
            "Dead": .bool(now.status == .dead),
            "Pid": .integer(now.pid), "ExitCode": .integer(now.exitCode), "Error": .string(now.error),
            "StartedAt": .string(now.startedAt), "FinishedAt": .string(now.finishedAt),
        ]
        if let health = now.health { state["Health"] = .object(health.json) }
        var answer: JSONObject = [
            "Id": .string(container.id), "Created": .string(container.created), "Path": .string(arguments.first ?? ""),
            "Args": .array(arguments.dropFirst().map { .string($0) }), "State": .object(state),
            "Image": .string(container.imageID),
            "ResolvConfPath": .string("\(directory)/resolv.conf"), "HostnamePath": .string("\(directory)/hostname"),
            "HostsPath": .string("\(directory)/hosts"), "LogPath": .string("\(directory)/log.json"),
            "Name": .string("/" + now.name), "RestartCount": .integer(now.restarts), "Driver": "overlay2",
            "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "",
            "ExecIDs": execs.read { all in
                let own = all.filter { $0.value.container == container.id && $0.value.isRunning }.keys.sorted()
                return own.isEmpty ? .null : .array(own.map { .string($0) })
            },
            "HostConfig": .object(host),
            "GraphDriver": [
                "Name": "overlay2",
                "Data": [
                    "MergedDir": .string("\(directory)/rootfs"), "UpperDir": .string("\(directory)/layer/upper"),
                    "WorkDir": .string("\(directory)/layer/work"),
                ],
            ],
            "Mounts": .array(
                now.mounts.filter { $0["Type"]?.string != "tmpfs" }.map { .object($0.removing("Copy", "Anonymous")) }),
            "Config": .object(config), "NetworkSettings": .object(networkSettings(container, now)),
        ]
        if size {
            let (own, whole) = try sizes(container)
            answer["SizeRw"] = .integer(own)
            answer["SizeRootFs"] = .integer(whole)
        }
        answer["Berth"] = .object(own(container, now))
        return answer
    }

    /// What Docker's answer has no place for: the limits that hold, and what is still to be taken away.
    private func own(_ container: Container, _ now: ContainerState) -> JSONObject {
        var own: JSONObject = ["Cgroup": .string(container.cgroupPath(now.host))]
        if !now.pendingDelete.isEmpty { own["PendingDelete"] = .string(now.pendingDelete) }
        if now.isAlive {
            do throws(KernelError) {
                let limits = try Cgroup(path: container.cgroupPath(now.host)).effective()
                own["EffectiveLimits"] = .array(
                    limits.map {
                        [
                            "Resource": .string($0.resource.rawValue), "Value": .integer($0.value),
                            "Text": .string($0.text), "Cgroup": .string($0.path),
                        ]
                    })
            } catch {}
        }
        return own
    }

    private static let defaults: [(String, JSON)] = [
        ("Binds", .null), ("PortBindings", [:]), ("RestartPolicy", ["Name": "no", "MaximumRetryCount": 0]),
        ("AutoRemove", false),
        ("LogConfig", ["Type": "json-file", "Config": [:]]), ("Privileged", false), ("Memory", 0), ("NanoCpus", 0),
        ("CpuShares", 0),
        ("PidsLimit", .null), ("ShmSize", 67_108_864), ("Runtime", "berth-oci"), ("CapAdd", .null), ("CapDrop", .null),
        ("ReadonlyRootfs", false), ("IpcMode", "private"), ("CgroupnsMode", "private"), ("PidMode", ""),
        ("UTSMode", ""),
    ]

    private func networkSettings(_ container: Container, _ now: ContainerState) -> JSONObject {
        var endpoints = JSONObject()
        for attached in now.attached { endpoints[attached.network] = .object(endpoint(attached)) }
        if now.attached.isEmpty, !now.isOffFirst {
            let mode = now.host["NetworkMode"]?.string ?? ""
            if !mode.hasPrefix("container:") {
                let name = ["", "default"].contains(mode) ? "bridge" : mode
                var empty = AttachedNetwork()
                empty.network = name
                endpoints[name] = .object(endpoint(empty))
            }
        }
        let first = now.attached.first.map { endpoint($0) } ?? [:]
        return [
            "Bridge": "", "SandboxID": .string(now.isAlive ? container.id : ""),
            "SandboxKey": .string(now.isAlive ? container.namespace : ""),
            "Ports": .object(Containers.ports(now)), "EndpointID": first["EndpointID"] ?? "",
            "Gateway": first["Gateway"] ?? "",
            "IPAddress": first["IPAddress"] ?? "", "IPPrefixLen": first["IPPrefixLen"] ?? 0,
            "MacAddress": first["MacAddress"] ?? "",
            "GlobalIPv6Address": first["GlobalIPv6Address"] ?? "",
            "GlobalIPv6PrefixLen": first["GlobalIPv6PrefixLen"] ?? 0,
            "IPv6Gateway": first["IPv6Gateway"] ?? "", "Networks": .object(endpoints),
        ]
    }

    private func endpoint(_ attached: AttachedNetwork) -> JSONObject {
        func split(_ six: Bool) -> (String, Int64) {
            guard let text = attached.addresses.first(where: { $0.utf8.contains(UInt8(ascii: ":")) == six }) else {
                return ("", 0)
            }
            let parts = text.split(separator: "/").map(String.init)
            return (parts.first ?? "", parts.count > 1 ? Int64(parts[1]) ?? 0 : 0)
        }
        let (four, length4) = split(false)
        let (six, length6) = split(true)
        return [
            "IPAMConfig": .null, "Links": .null, "Aliases": .array(attached.aliases.map { .string($0) }),
            "MacAddress": .string(attached.macAddress), "DriverOpts": .null, "GwPriority": 0,
            "NetworkID": .string(attached.networkID),
            "EndpointID": .string(attached.addresses.isEmpty ? "" : attached.endpointID),
            "Gateway": .string(attached.gateways.first { !$0.utf8.contains(UInt8(ascii: ":")) } ?? ""),
            "IPAddress": .string(four),
            "IPPrefixLen": .integer(length4),
            "IPv6Gateway": .string(attached.gateways.first { $0.utf8.contains(UInt8(ascii: ":")) } ?? ""),
            "GlobalIPv6Address": .string(six), "GlobalIPv6PrefixLen": .integer(length6),
            "DNSNames": .array(attached.aliases.map { .string($0) }),
        ]
    }

    /// `NetworkSettings.Ports`: the exposed ones, null where none leads to them.
    static func ports(_ now: ContainerState) -> JSONObject {
        var ports = JSONObject()
        guard now.isAlive else { return ports }
        for key in now.config["ExposedPorts"]?.object?.keys ?? [] { ports[key] = .null }
        for port in now.attached.flatMap(\.ports) {
            let key = "\(port.containerPort)/\(port.protocolName)"
            let addresses = port.hostAddress.isEmpty ? ["0.0.0.0", "::"] : [port.hostAddress]
            let bindings: [JSON] = addresses.map { ["HostIp": .string($0), "HostPort": .string("\(port.hostPort)")] }
            ports[key] = .array((ports[key]?.array ?? []) + bindings)
        }
        return ports
    }

    public func list(all: Bool, limit: Int?, size: Bool, filters: JSONObject) throws(APIError) -> [JSONObject] {
        let filter = Filter(filters)
        for wanted in filter.values("health") where !["none", "starting", "healthy", "unhealthy"].contains(wanted) {
            throw APIError(
                400, "unrecognized filter value for health: \(wanted): it is none, starting, healthy or unhealthy")
        }
        var found: [JSONObject] = []
        let newest = table.read { $0.all }.reversed()
        let before = filter.values("before").first
        let since = filter.values("since").first
        let bounds = (
            try before.map { text throws(APIError) in try find(text).created },
            try since.map { text throws(APIError) in try find(text).created }
        )
        for container in newest {
            let now = container.now
            guard all || limit != nil || filter.has("status") || now.isAlive || now.status == .restarting else {
                continue
            }
            if let bound = bounds.0, container.created >= bound { continue }
            if let bound = bounds.1, container.created <= bound { continue }
            guard takes(container, now, filter) else { continue }
            found.append(try summary(container, now, size: size))
            if let limit, limit > 0, found.count >= limit { break }
        }
        return found
    }

    private func takes(_ container: Container, _ now: ContainerState, _ filter: Filter) -> Bool {
        func any(_ key: String, _ test: (String) -> Bool) -> Bool {
            !filter.has(key) || filter.values(key).contains(where: test)
        }
        return any("id") { container.id.hasPrefix($0) }
            && any("name") { now.name.holds($0.hasPrefix("/") ? String($0.dropFirst()) : $0) }
            && any("status") { $0 == now.status.rawValue }
            && any("exited") { Int64($0) == now.exitCode && now.status == .exited }
            && any("ancestor") {
                $0 == container.imageName || $0 == container.imageID || container.imageName == "\($0):latest"
                    || container.imageID.hasPrefix("sha256:\($0)")
            }
            && any("network") { wanted in
                now.attached.contains { $0.network == wanted || $0.networkID.hasPrefix(wanted) }
            }
            && any("volume") { wanted in
                now.mounts.contains { $0["Name"]?.string == wanted || $0["Destination"]?.string == wanted }
            }
            && any("publish") { wanted in
                now.attached.flatMap(\.ports).contains { "\($0.hostPort)" == wanted.prefix { $0 != "/" } }
            }
            && any("health") { $0 == now.health?.status.rawValue ?? "none" }
            && filter.takesLabels(now.config["Labels"]?.object ?? [:])
    }

    private func summary(_ container: Container, _ now: ContainerState, size: Bool) throws(APIError) -> JSONObject {
        var ports: [JSON] = []
        if now.isAlive {
            for port in now.attached.flatMap(\.ports) {
                for address in port.hostAddress.isEmpty ? ["0.0.0.0", "::"] : [port.hostAddress] {
                    ports.append([
                        "IP": .string(address), "PrivatePort": .integer(Int64(port.containerPort)),
                        "PublicPort": .integer(Int64(port.hostPort)),
                        "Type": .string(port.protocolName),
                    ])
                }
            }
        }
        let arguments = Wish.texts(now.config, "Entrypoint") + Wish.texts(now.config, "Cmd")
        let mode = now.host["NetworkMode"]?.string ?? ""
        var summary: JSONObject = [
            "Id": .string(container.id), "Names": [.string("/" + now.name)], "Image": .string(container.imageName),
            "ImageID": .string(container.imageID), "Command": .string(arguments.joined(separator: " ")),
            "Created": .integer(Int64(Moment(container.created)?.seconds ?? 0)), "Ports": .array(ports),
            "Labels": now.config["Labels"] ?? [:], "State": .string(now.status.rawValue),
            "Status": .string(Containers.sentence(now)),
            "HostConfig": ["NetworkMode": .string(mode.isEmpty ? "bridge" : mode)],
            "NetworkSettings": ["Networks": networkSettings(container, now)["Networks"] ?? [:]],
            "Mounts": .array(
                now.mounts.filter { $0["Type"]?.string != "tmpfs" }.map { .object($0.removing("Copy", "Anonymous")) }),
        ]
        if size {
            let (own, whole) = try sizes(container)
            summary["SizeRw"] = .integer(own)
            summary["SizeRootFs"] = .integer(whole)
        }
        return summary
    }

    /// "Up 2 minutes", "Exited (0) 3 hours ago".
    static func sentence(_ now: ContainerState) -> String {
        func since(_ text: String) -> String {
            Moment(text).map { span(Moment.now.seconds - $0.seconds) } ?? "some time"
        }
        let pending = now.pendingDelete.isEmpty ? "" : ", pending-delete"
        switch now.status {
        case .running: return "Up \(since(now.startedAt))" + (now.health.map { " (\($0.words))" } ?? "")
        case .paused: return "Up \(since(now.startedAt)) (Paused)"
        case .restarting: return "Restarting (\(now.exitCode)) \(since(now.finishedAt)) ago"
        case .exited: return "Exited (\(now.exitCode)) \(since(now.finishedAt)) ago\(pending)"
        case .created: return "Created\(pending)"
        case .removing: return "Removal In Progress"
        case .dead: return "Dead"
        }
    }

    private static func span(_ seconds: Int) -> String {
        switch seconds {
        case ..<1: "Less than a second"
        case 1: "1 second"
        case ..<60: "\(seconds) seconds"
        case ..<120: "About a minute"
        case ..<3600: "\(seconds / 60) minutes"
        case ..<7200: "About an hour"
        case ..<172_800: "\(seconds / 3600) hours"
        case ..<1_209_600: "\(seconds / 86_400) days"
        default: "\(seconds / 604_800) weeks"
        }
    }
}

/// Docker's filters in both forms: {"name": ["a"]} and {"name": {"a": true}}.
struct Filter {
    private let object: JSONObject
    init(_ object: JSONObject) { self.object = object }
    func has(_ key: String) -> Bool { !values(key).isEmpty }
    func values(_ key: String) -> [String] {
        if let list = object[key]?.array { return list.compactMap(\.string) }
        return object[key]?.object?.keys ?? []
    }

    func takesLabels(_ labels: JSONObject) -> Bool {
        values("label").allSatisfy { text in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let value = labels[parts[0]]?.string else { return false }
            return parts.count < 2 || value == parts[1]
        }
            && !values("label!").contains { text in
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard let value = labels[parts[0]]?.string else { return false }
                return parts.count < 2 || value == parts[1]
            }
    }
}
