import JSON
import MiniRuntime
import NetCore

/// HostConfig's limits as `linux.resources`.
enum Resources {
    static func document(_ host: JSONObject) throws(APIError) -> JSONObject {
        let body = Body(host, at: "HostConfig")
        var resources = JSONObject()
        var memory = JSONObject()
        if let limit = try body.number("Memory"), limit > 0 { memory["limit"] = .integer(limit) }
        if let value = try body.number("MemoryReservation"), value > 0 { memory["reservation"] = .integer(value) }
        if let value = try body.number("MemorySwap"), value != 0 {
            memory["swap"] = .integer(value)
        } else if let limit = memory["limit"]?.integer, (try? Cgroup(path: "/berth"))?.accountsForSwap == true {
            // As Docker: as much swap as memory, when nothing else is said and the kernel counts it.
            memory["swap"] = .integer(limit > Int64.max / 2 ? -1 : limit * 2)
        }
        let leftOut = try leftOut(host)
        if let value = try body.number("MemorySwappiness"), value >= 0, !leftOut.contains("MemorySwappiness") {
            memory["swappiness"] = .integer(value)
        }
        if try body.flag("OomKillDisable"), !leftOut.contains("OomKillDisable") { memory["disableOOMKiller"] = true }
        if !memory.isEmpty { resources["memory"] = .object(memory) }
        var cpu = JSONObject()
        if let nano = try body.number("NanoCpus"), nano > 0 {
            cpu["period"] = 100_000
            cpu["quota"] = .integer(nano / 10_000)
        }
        if let value = try body.number("CpuQuota"), value != 0 { cpu["quota"] = .integer(value) }
        if let value = try body.number("CpuPeriod"), value > 0 { cpu["period"] = .integer(value) }
        if let value = try body.number("CpuShares"), value > 0 { cpu["shares"] = .integer(value) }
        for (key, name) in [("CpusetCpus", "cpus"), ("CpusetMems", "mems")] {
            let text = try body.text(key)
            if !text.isEmpty { cpu[name] = .string(text) }
        }
        if !cpu.isEmpty { resources["cpu"] = .object(cpu) }
        if let limit = try body.number("PidsLimit"), limit != 0 { resources["pids"] = ["limit": .integer(limit)] }
        let block = try self.block(body)
        if !block.isEmpty { resources["blockIO"] = .object(block) }
        resources["devices"] = .array(try devices(host))
        return resources
    }

    /// The keys that are asked for and that control groups v2 have nothing for: as Docker, the container starts without.
    static func leftOut(_ host: JSONObject) throws(APIError) -> [String] {
        let body = Body(host, at: "HostConfig")
        var keys: [String] = []
        if let value = try body.number("MemorySwappiness"), value >= 0 { keys.append("MemorySwappiness") }
        if try body.flag("OomKillDisable") { keys.append("OomKillDisable") }
        guard !keys.isEmpty, (try? Cgroup(path: "/berth"))?.version == .v2 else { return [] }
        return keys
    }

    private static func block(_ body: Body) throws(APIError) -> JSONObject {
        var block = JSONObject()
        if let weight = try body.number("BlkioWeight"), weight > 0 { block["weight"] = .integer(weight) }
        for (key, name) in [
            ("BlkioDeviceReadBps", "throttleReadBpsDevice"), ("BlkioDeviceWriteBps", "throttleWriteBpsDevice"),
            ("BlkioDeviceReadIOps", "throttleReadIOPSDevice"), ("BlkioDeviceWriteIOps", "throttleWriteIOPSDevice"),
        ] {
            var list: [JSON] = []
            for entry in try body.bodies(key) {
                let path = try entry.text("Path")
                guard let device = HostDevices.numbers(path) else {
                    throw APIError(400, "HostConfig.\(key): \(path) is no device of this host")
                }
                list.append([
                    "major": .integer(device.0), "minor": .integer(device.1),
                    "rate": .integer(try entry.number("Rate") ?? 0),
                ])
            }
            if !list.isEmpty { block[name] = .array(list) }
        }
        return block
    }

    /// Everything is denied but what every container has, and what is asked for.
    private static func devices(_ host: JSONObject) throws(APIError) -> [JSON] {
        if host["Privileged"]?.bool == true { return [["allow": true, "access": "rwm"]] }
        var rules: [JSON] = [["allow": false, "access": "rwm"]]
        let body = Body(host, at: "HostConfig")
        for device in try body.bodies("Devices") {
            guard let numbers = HostDevices.numbers(try device.text("PathOnHost")) else { continue }
            let access = try device.text("CgroupPermissions")
            rules.append([
                "allow": true, "type": .string(numbers.2), "major": .integer(numbers.0), "minor": .integer(numbers.1),
                "access": .string(access.isEmpty ? "rwm" : access),
            ])
        }
        for text in try body.texts("DeviceCgroupRules") {
            let parts = text.split { $0 == " " || $0 == ":" }.map(String.init)
            guard parts.count == 4, ["a", "b", "c"].contains(parts[0]) else {
                throw APIError(400, "invalid device cgroup rule format: '\(text)': it is as 'c 1:3 rwm'")
            }
            var rule: JSONObject = ["allow": true, "type": .string(parts[0]), "access": .string(parts[3])]
            for (name, part) in [("major", parts[1]), ("minor", parts[2])] where part != "*" {
                guard let number = Int64(part) else {
                    throw APIError(400, "invalid device cgroup rule format: '\(text)'")
                }
                rule[name] = .integer(number)
            }
            rules.append(.object(rule))
        }
        return rules
    }
}

extension Container {
    /// Its control group, under every hierarchy's root.
    func cgroupPath(_ host: JSONObject) -> String {
        let parent = host["CgroupParent"]?.string ?? ""
        let trimmed = parent.split(separator: "/").joined(separator: "/")
        return trimmed.isEmpty ? "/berth/\(id)" : "/\(trimmed)/\(id)"
    }
}
