import CContainer
import Glibc
import JSON
import NetCore

// What of a HostConfig cannot be, or cannot be done here: an error before anything is made, for a field that is passed over in
// silence would be believed. Sentences are Docker's where it has one.
extension Wish {
    func judgeEverything() throws(APIError) {
        let host = Body(self.host, at: "HostConfig")
        try refuseUnserved(host)
        try judgeLimits(host)
        try judgeProcessors(host)
        try judgeNames(host)
        try judgeSharing(host)
        try judgeSysctls(host)
        try judgeLog(host.body("LogConfig"))
        try judgeEndpoints(Body(endpoints, at: "NetworkingConfig.EndpointsConfig"))
        for mount in try host.bodies("Mounts") { try Wish.judge(mount: mount) }
        for (place, options) in try host.pairs("Tmpfs") { try Wish.judgeTmpfs(place, options) }
        for key in try Body(config).body("ExposedPorts").object.keys { _ = try Wish.portRange(key) }
        for one in try Body(config).texts("Env") where one.isEmpty || one.hasPrefix("=") {
            throw APIError(400, "invalid environment variable: \(one): write NAME=value")
        }
        for path in try host.texts("MaskedPaths") + host.texts("ReadonlyPaths") where !path.hasPrefix("/") {
            throw APIError(400, "HostConfig.MaskedPaths and ReadonlyPaths: \(path) is not absolute")
        }
        _ = try host.number("OomScoreAdj", in: -1000...1000)
        _ = try host.number("ShmSize", in: 0...Int64.max)
    }

    private func refuseUnserved(_ host: Body) throws(APIError) {
        let runtime = try host.text("Runtime")
        guard ["", "runc", "berth-oci", "io.containerd.runc.v2"].contains(runtime) else {
            throw APIError(400, "unknown or invalid runtime name: \(runtime): leave it out")
        }
        guard ["", "default"].contains(try host.text("Isolation")) else {
            throw APIError(400, "HostConfig.Isolation exists on Windows only: leave it out")
        }
        let driver = try host.text("VolumeDriver")
        guard ["", "local"].contains(driver) else {
            throw APIError(501, "error looking up volume plugin \(driver): berth has local")
        }
        guard try host.pairs("StorageOpt").isEmpty else {
            throw APIError(501, "HostConfig.StorageOpt: a container's layer has no size of its own here: leave it out")
        }
        if let request = try host.bodies("DeviceRequests").first {
            throw APIError(
                501,
                "could not select device driver \"\(try request.text("Driver"))\": berth gives single devices only (HostConfig.Devices)"
            )
        }
        for key in ["KernelMemory", "KernelMemoryTCP"] where try host.number(key) ?? 0 != 0 {
            throw APIError(501, "\(host.name(key)): kernels no longer keep this apart: use Memory")
        }
        for key in ["CpuRealtimePeriod", "CpuRealtimeRuntime"] where try host.number(key) ?? 0 != 0 {
            throw APIError(501, "\(host.name(key)): berth does not hand out real-time: use CpuQuota and CpuPeriod")
        }
        guard try host.bodies("BlkioWeightDevice").isEmpty else {
            throw APIError(501, "HostConfig.BlkioWeightDevice: berth has one weight for all devices: use BlkioWeight")
        }
    }

    private func judgeLimits(_ host: Body) throws(APIError) {
        for key in ["Memory", "MemoryReservation"] { _ = try host.number(key, in: 0...Int64.max) }
        _ = try host.number("MemorySwap", in: -1...Int64.max)
        if let reservation = try host.number("MemoryReservation"), reservation != 0, reservation < 6 << 20 {
            throw APIError(400, "Minimum memory reservation allowed is 6MB: \(reservation) bytes were asked for")
        }
        if let swappiness = try host.number("MemorySwappiness"), !(-1...100).contains(swappiness) {
            throw APIError(400, "Invalid value: \(swappiness), valid memory swappiness range is 0-100")
        }
        let weight = try host.number("BlkioWeight") ?? 0
        guard weight == 0 || (10...1000).contains(weight) else {
            throw APIError(400, "Range of blkio weight is from 10 to 1000: \(weight) was asked for")
        }
        var seen: Set<String> = []
        for limit in try host.bodies("Ulimits") {
            let name = try limit.text("Name")
            guard seen.insert(name).inserted else { throw APIError(400, "ulimit \(name) stands there twice: keep one") }
            try Wish.judge(limit: name, soft: limit.number("Soft") ?? 0, hard: limit.number("Hard"))
        }
    }

    private static let limitNumbers: [String: Int32] = [
        "cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
        "as": 9, "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
    ]

    /// Above this daemon's own hard limit only with CAP_SYS_RESOURCE.
    private static func judge(limit name: String, soft: Int64, hard asked: Int64?) throws(APIError) {
        let hard = asked ?? soft
        guard hard < 0 || soft >= 0 && soft <= hard else {
            throw APIError(
                400, "ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard) (\(name))")
        }
        let systemResource: Int32 = 24
        var ownSoft: UInt64 = 0
        var ownHard: UInt64 = 0
        guard berth_bounding_has(systemResource) != 1, let number = limitNumbers[name],
            berth_get_limit(number, &ownSoft, &ownHard) == 0, ownHard != .max, hard < 0 || UInt64(hard) > ownHard
        else { return }
        throw APIError(
            400,
            "ulimit \(name)=\(hard): this daemon has itself a hard limit of \(ownHard) and may not raise it (it lacks CAP_SYS_RESOURCE): ask for at most that"
        )
    }

    private func judgeProcessors(_ host: Body) throws(APIError) {
        let processors = Int64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        let nano = try host.number("NanoCpus") ?? 0
        guard nano >= 0, nano <= processors * 1_000_000_000 else {
            throw APIError(
                400,
                "Range of CPUs is from 0.01 to \(processors).00, as there are only \(processors) CPUs available")
        }
        let period = try host.number("CpuPeriod") ?? 0
        guard nano == 0 || period == 0 else {
            throw APIError(400, "Conflicting options: Nano CPUs and CPU Period cannot both be set.")
        }
        guard period == 0 || (1000...1_000_000).contains(period) else {
            throw APIError(
                400, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
        }
        let quota = try host.number("CpuQuota") ?? 0
        guard quota <= 0 || quota >= 1000 else {
            throw APIError(400, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
        }
        for (key, what) in [("CpusetCpus", "cpus"), ("CpusetMems", "mems")] {
            let text = try host.text(key)
            guard text.isEmpty || Wish.isNumberList(text) else {
                throw APIError(400, "Invalid value \(text) for cpuset \(what): write 0-3 or 0,2")
            }
        }
    }

    /// `0-3,7`
    static func isNumberList(_ text: String) -> Bool {
        text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard ends.count == 1 || ends.count == 2, let low = ends[0], let high = ends.last ?? nil else {
                return false
            }
            return low <= high
        }
    }

    private func judgeNames(_ host: Body) throws(APIError) {
        for server in try host.texts("Dns") where IPAddress(server) == nil {
            throw APIError(400, "bad nameserver address: \(server): give an IP address")
        }
        for text in try host.texts("DnsSearch") + host.texts("DnsOptions") where !Wish.isWord(text) {
            throw APIError(400, "\"\(text)\" cannot stand in resolv.conf: it has a space or is empty")
        }
        for text in try host.texts("ExtraHosts") { _ = try Wish.extraHost(text) }
        let hostname = try Body(config).text("Hostname")
        guard hostname.isEmpty || Wish.isWord(hostname), !hostname.utf8.contains(UInt8(ascii: "/")) else {
            throw APIError(400, "invalid hostname format: \(hostname): letters, digits, dots and hyphens")
        }
        let domain = try Body(config).text("Domainname")
        guard domain.isEmpty || Wish.isWord(domain) else {
            throw APIError(400, "invalid domain name: \(domain): letters, digits, dots and hyphens")
        }
        let parent = try host.text("CgroupParent")
        guard !parent.split(separator: "/").contains(".."), parent.isEmpty || Wish.isWord(parent) else {
            throw APIError(400, "invalid cgroup parent: \(parent): write /group/of/yours")
        }
    }

    private static func isWord(_ text: String) -> Bool { !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 } }

    /// `name:address`, as the docker command sends it, or `name=address`.
    static func extraHost(_ text: String) throws(APIError) -> (name: String, address: String) {
        let fault = APIError(400, "bad format for add-host: \"\(text)\": it is NAME:ADDRESS")
        guard let cut = text.firstIndex(where: { $0 == ":" || $0 == "=" }) else { throw fault }
        let name = String(text[..<cut])
        var address = String(text[text.index(after: cut)...])
        if address.hasPrefix("["), address.hasSuffix("]") { address = String(address.dropFirst().dropLast()) }
        guard isWord(name), address == "host-gateway" || IPAddress(address) != nil else { throw fault }
        return (name, address)
    }

    private func judgeSharing(_ host: Body) throws(APIError) {
        let network = try host.text("NetworkMode")
        let hostname = try Body(config).text("Hostname")
        if network.hasPrefix("container:"), !hostname.isEmpty {
            throw APIError(400, "conflicting options: hostname and the network mode")
        }
        for (key, allowed) in [
            ("UTSMode", ["", "host"]), ("CgroupnsMode", ["", "private", "host"]),
            ("PidMode", ["", "host", "private"]), ("IpcMode", ["", "host", "private", "shareable", "none"]),
        ] {
            let text = try host.text(key)
            let isShared = text.hasPrefix("container:") && ["PidMode", "IpcMode"].contains(key)
            guard allowed.contains(text) || isShared else {
                throw APIError(400, "invalid \(key): \(text)")
            }
        }
        guard try host.text("UTSMode") != "host" || hostname.isEmpty else {
            throw APIError(400, "conflicting options: hostname and the UTS mode")
        }
    }

    /// Only keys of a namespace that the container has for itself.
    private func judgeSysctls(_ host: Body) throws(APIError) {
        let network = try host.text("NetworkMode")
        let ipc = try host.text("IpcMode")
        for (name, value) in try host.pairs("Sysctls") {
            let isOfIPC =
                name == "kernel.sem"
                || ["kernel.shm", "kernel.msg", "fs.mqueue."].contains { name.hasPrefix($0) }
            guard Wish.isWord(name), !name.holds(".."), !name.utf8.contains(UInt8(ascii: "/")) else {
                throw APIError(400, "sysctl \"\(name)\" is no name of one: write net.ipv4.ip_forward")
            }
            if isOfIPC {
                guard ipc != "host" else {
                    throw APIError(400, "sysctl \"\(name)\" is not allowed with the host's IPC namespace")
                }
            } else if name.hasPrefix("net.") {
                guard network != "host" else {
                    throw APIError(400, "sysctl \"\(name)\" is not allowed with the host's network namespace")
                }
            } else if name == "kernel.domainname" {
                guard try host.text("UTSMode") != "host" else {
                    throw APIError(400, "sysctl \"\(name)\" is not allowed with the host's UTS namespace")
                }
                guard value.utf8.count <= 64 else {
                    throw APIError(400, "sysctl \"\(name)\" has \(value.utf8.count) bytes: the kernel takes 64")
                }
            } else {
                throw APIError(
                    400, "sysctl \"\(name)\" is not in a separate kernel namespace: it would change the host")
            }
        }
    }

    private func judgeLog(_ log: Body) throws(APIError) {
        let settings = try log.pairs("Config")
        for (key, value) in settings {
            switch key {
            case "max-size":
                guard value == "-1" || Faults.bytes(value) ?? 0 > 0 else {
                    throw APIError(400, "invalid value for max-size: \(value): write 10m or 500k")
                }
            case "max-file":
                guard Int(value) ?? 0 >= 1 else { throw APIError(400, "max-file cannot be less than 1: \(value)") }
            case "compress", "mode", "max-buffer-size", "labels", "labels-regex", "env", "env-regex", "tag":
                guard ["", "false", "blocking"].contains(value) else {
                    throw APIError(501, "log option \(key)=\(value): berth does not have this: leave it out")
                }
            default: throw APIError(400, "unknown log opt '\(key)' for json-file log driver")
            }
        }
        let files = settings.first { $0.0 == "max-file" }.flatMap { Int($0.1) } ?? 1
        guard files == 1 || settings.contains(where: { $0.0 == "max-size" && $0.1 != "-1" }) else {
            throw APIError(400, "max-file is without effect when max-size is not set: set it too")
        }
    }
}
