import Glibc
import JSON
import MiniRuntime
import NetCore
import Networks

/// A container as an OCI bundle (runtime specification, config.md).
struct BundleDocument {
    let container: Container
    let state: ContainerState
    let user: ContainerUser
    /// The path of the network namespace; nil: the host's.
    let network: String?
    /// By kind (pid, ipc): another container's namespace.
    let joined: [String: String]
    /// The host's directory that is /dev/shm; nil: memory of the container's own.
    var sharedMemory: String?
    /// The path of the user namespace; nil: the host's.
    var userNamespace: String?

    /// Where the reaper of `--init` stands: not in the image, and there when the root is read-only.
    static let initPlace = "/dev/berth-init"
    private var hasInit: Bool { host["Init"]?.bool ?? false }

    private var host: JSONObject { state.host }
    private func text(_ key: String) -> String { host[key]?.string ?? "" }
    private func number(_ key: String) -> Int64 { host[key]?.integer ?? 0 }
    private var isPrivileged: Bool { host["Privileged"]?.bool ?? false }

    func document() throws(APIError) -> JSON {
        let capabilities = try Rights.granted(host)
        return [
            "ociVersion": "1.1.0", "process": try process(capabilities),
            "root": ["path": "../rootfs", "readonly": .bool(host["ReadonlyRootfs"]?.bool ?? false)],
            "hostname": .string(hostname), "domainname": state.config["Domainname"] ?? "",
            "mounts": .array(try mounts()), "linux": try linux(capabilities),
            "annotations": ["io.berth.container": .string(container.id)],
        ]
    }

    var hostname: String {
        if text("UTSMode") == "host" { return "" }
        let said = state.config["Hostname"]?.string ?? ""
        return said.isEmpty ? container.shortID : said
    }

    // MARK: the process

    private func process(_ capabilities: [String]) throws(APIError) -> JSON {
        var environment = (state.config["Env"]?.array ?? []).compactMap(\.string)
        for (name, value) in [("HOSTNAME", hostname), ("HOME", user.home), ("TERM", state.isTerminal ? "xterm" : "")]
        where !value.isEmpty && !environment.contains(where: { $0.hasPrefix(name + "=") }) {
            environment.append("\(name)=\(value)")
        }
        let directory = state.config["WorkingDir"]?.string ?? ""
        var process = BundleDocument.process(
            arguments: (hasInit ? [BundleDocument.initPlace, "--"] : [])
                + Wish.texts(state.config, "Entrypoint") + Wish.texts(state.config, "Cmd"),
            environment: environment,
            directory: directory.isEmpty ? "/" : directory, user: user, capabilities: capabilities,
            terminal: state.isTerminal)
        process["noNewPrivileges"] = .bool(
            securityOptions.contains { $0.hasPrefix("no-new-privileges") && !$0.hasSuffix("false") })
        try BundleDocument.limit(&process, host)
        return .object(process)
    }

    /// What the kernel grants each process of the container, also one that comes by exec: `--ulimit`, `--oom-score-adj`.
    static func limit(_ process: inout JSONObject, _ host: JSONObject) throws(APIError) {
        process["rlimits"] = .array(try limits(host))
        if let adjustment = host["OomScoreAdj"]?.integer, adjustment != 0 {
            process["oomScoreAdj"] = .integer(adjustment)
        }
    }

    static func process(
        arguments: [String], environment: [String], directory: String, user: ContainerUser, capabilities: [String],
        terminal: Bool
    ) -> JSONObject {
        let names: JSON = .array(capabilities.map { .string($0) })
        // As Docker: who is not root has none of them until a file's own give some.
        let held: JSON = user.uid == 0 ? names : []
        return [
            "terminal": .bool(terminal), "args": .array(arguments.map { .string($0) }),
            "env": .array(environment.map { .string($0) }), "cwd": .string(directory),
            "user": [
                "uid": .integer(user.uid), "gid": .integer(user.gid),
                "additionalGids": .array(user.groups.map { .integer($0) }),
            ],
            "capabilities": ["bounding": names, "effective": held, "permitted": held],
        ]
    }

    private var securityOptions: [String] { (host["SecurityOpt"]?.array ?? []).compactMap(\.string) }

    private static func limits(_ host: JSONObject) throws(APIError) -> [JSON] {
        var limits: [JSON] = []
        for limit in try Body(host, at: "HostConfig").bodies("Ulimits") {
            let soft = try limit.number("Soft") ?? 0
            let hard = try limit.number("Hard") ?? soft
            limits.append([
                "type": .string("RLIMIT_" + (try limit.text("Name")).uppercased()), "soft": .integer(soft),
                "hard": .integer(hard),
            ])
        }
        return limits
    }

    // MARK: mounts

    private func mount(_ target: String, _ type: String, _ source: String, _ options: [String]) -> JSON {
        [
            "destination": .string(target), "type": .string(type), "source": .string(source),
            "options": .array(options.map { .string($0) }),
        ]
    }

    private func mounts() throws(APIError) -> [JSON] {
        let access = isPrivileged ? "rw" : "ro"
        let size = number("ShmSize") > 0 ? number("ShmSize") : 64 << 20
        var list = [
            mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount(
                "/dev/pts", "devpts", "devpts",
                ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", access]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", [access, "nosuid", "noexec", "nodev"]),
        ]
        if text("IpcMode") == "host", state.map != nil {
            // The queues of a namespace that is not its own a user namespace may not mount: it gets the host's place, if there is one.
            if Files.exists("/dev/mqueue") {
                list.append(mount("/dev/mqueue", "bind", "/dev/mqueue", ["rbind", "nosuid", "noexec", "nodev"]))
            }
        } else {
            list.append(mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]))
        }
        // Whoever mounts something of his own there has that.
        let hasOwn = state.mounts.contains { $0["Destination"]?.string == "/dev/shm" }
        if let sharedMemory, !hasOwn {
            list.append(mount("/dev/shm", "bind", sharedMemory, ["rbind", "nosuid", "noexec", "nodev"]))
        } else if text("IpcMode") != "none", !hasOwn {
            list.append(mount("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=\(size)"]))
        }
        if hasInit {
            list.append(
                mount(BundleDocument.initPlace, "bind", "\(container.home.programs)/berth-shim", ["bind", "ro"]))
        }
        for name in ["hosts", "hostname", "resolv.conf"] {
            list.append(mount("/etc/\(name)", "bind", "\(container.directory)/\(name)", ["rbind", "rprivate"]))
        }
        // The shorter path first: what is mounted below another comes after it.
        for wish in state.mounts.sorted(by: {
            ($0["Destination"]?.string ?? "").utf8.count < ($1["Destination"]?.string ?? "").utf8.count
        }) {
            let target = wish["Destination"]?.string ?? ""
            let isWritable = wish["RW"]?.bool ?? true
            if wish["Type"]?.string == "tmpfs" {
                let said = (wish["Mode"]?.string ?? "").split(separator: ",").map(String.init)
                list.append(mount(target, "tmpfs", "tmpfs", ["nosuid", "nodev"] + (said.isEmpty ? ["noexec"] : said)))
                continue
            }
            let propagation = wish["Propagation"]?.string ?? ""
            list.append(
                mount(
                    target, "bind", wish["Source"]?.string ?? "",
                    ["rbind", isWritable ? "rw" : "ro", propagation.isEmpty ? "rprivate" : propagation]))
        }
        return list + (try boundDevices())
    }

    // MARK: linux

    private func linux(_ capabilities: [String]) throws(APIError) -> JSON {
        var linux: JSONObject = [
            "namespaces": .array(namespaces()), "cgroupsPath": .string(container.cgroupPath(host)),
            "resources": .object(try Resources.document(host)),
        ]
        if !isPrivileged {
            linux["maskedPaths"] = host["MaskedPaths"]?.array.map { .array($0) } ?? BundleDocument.masked
            linux["readonlyPaths"] = host["ReadonlyPaths"]?.array.map { .array($0) } ?? BundleDocument.readOnly
        }
        if let profile = try seccomp(capabilities) { linux["seccomp"] = profile }
        var sysctls = JSONObject()
        if network == container.namespace {
            // As Docker: ping and ports below 1024 take no right in a network of one's own.
            sysctls["net.ipv4.ip_unprivileged_port_start"] = "0"
            // No group beyond those that the user namespace has.
            sysctls["net.ipv4.ping_group_range"] = .string("0 \(state.map?.lastGroup ?? 2_147_483_647)")
        }
        for (name, value) in host["Sysctls"]?.object ?? [:] { sysctls[name] = value }
        if !sysctls.isEmpty { linux["sysctl"] = .object(sysctls) }
        let devices = userNamespace == nil ? try self.devices() : []
        if !devices.isEmpty { linux["devices"] = .array(devices) }
        return .object(linux)
    }

    private func namespaces() -> [JSON] {
        var list: [JSON] = [["type": "mount"]]
        if text("CgroupnsMode") != "host" { list.append(["type": "cgroup"]) }
        for (type, mode) in [("pid", text("PidMode")), ("ipc", text("IpcMode")), ("uts", text("UTSMode"))]
        where mode != "host" {
            if let path = joined[type] {
                list.append(["type": .string(type), "path": .string(path)])
            } else {
                list.append(["type": .string(type)])
            }
        }
        if let userNamespace { list.append(["type": "user", "path": .string(userNamespace)]) }
        if let network { list.append(["type": "network", "path": .string(network)]) }
        return list
    }

    private func seccomp(_ capabilities: [String]) throws(APIError) -> JSON? {
        if isPrivileged { return nil }
        for option in securityOptions {
            let parts = option.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "=" || $0 == ":" }.map(
                String.init)
            guard parts[0] == "seccomp", parts.count == 2 else { continue }
            if parts[1] == "unconfined" { return nil }
            if let profile = (try? JSON(parsing: Array(parts[1].utf8)))?.object {
                return try SeccompFile.document(profile, Set(capabilities))
            }
        }
        return SeccompProfile.document(Set(capabilities))
    }

    private func devices() throws(APIError) -> [JSON] {
        var list: [JSON] = []
        if isPrivileged {
            for (path, information) in HostDevices.all() { list.append(HostDevices.document(path, information)) }
            return list
        }
        for (source, target) in try askedDevices() {
            var information = stat()
            guard stat(source, &information) == 0, [S_IFCHR, S_IFBLK].contains(information.st_mode & S_IFMT) else {
                throw APIError(
                    400, "error gathering device information while adding custom device \"\(source)\": it is no device")
            }
            list.append(HostDevices.document(target, information))
        }
        return list
    }

    private func askedDevices() throws(APIError) -> [(source: String, target: String)] {
        try Body(host, at: "HostConfig").bodies("Devices").map { device throws(APIError) in
            let source = try device.text("PathOnHost")
            let target = try device.text("PathInContainer")
            return (source, target.isEmpty ? source : target)
        }
    }

    /// In a user namespace no device is made: the host's is bound, under the name that it is to have.
    private func boundDevices() throws(APIError) -> [JSON] {
        guard userNamespace != nil else { return [] }
        _ = try devices()
        return try askedDevices().map { mount($0.target, "bind", $0.source, ["bind", "rprivate", "nosuid", "noexec"]) }
    }

    private static let masked: JSON = [
        "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ]
    private static let readOnly: JSON = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}

extension Wish {
    static func texts(_ object: JSONObject, _ key: String) -> [String] {
        if let one = object[key]?.string { return one.isEmpty ? [] : [one] }
        let texts = (object[key]?.array ?? []).compactMap(\.string)
        // One empty text as the entry point takes the image's away.
        return key == "Entrypoint" && texts == [""] ? [] : texts
    }
}
