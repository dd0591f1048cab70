import CKernel
import Glibc
import JSON
import NetCore

/// A container as its daemon tells of it and as the kernel has it.
struct ContainerView {
    let name: String
    let json: JSON
    /// The node's files.
    let root: String

    private var state: JSON? { json["State"] }
    var id: String { json["Id"]?.string ?? "" }
    var isRunning: Bool { state?["Running"]?.bool == true }
    /// Of its first process, as the node counts; 0 when it does not run.
    var pid: Int64 { state?["Pid"]?.integer ?? 0 }
    var exitCode: Int64 { state?["ExitCode"]?.integer ?? 0 }
    var isOOMKilled: Bool { state?["OOMKilled"]?.bool == true }
    var host: JSON? { json["HostConfig"] }

    /// "runs", "has ended with exit code 7", in words.
    var standing: String {
        if isRunning { return "runs" }
        return state?["Status"]?.string == "created"
            ? "was never started (exit code \(exitCode))"
            : "has ended with exit code \(exitCode)" + (isOOMKilled ? ", killed for want of memory" : "")
    }

    /// A file of its first process below /proc; nil when it cannot be read.
    func file(_ path: String) -> String? { text("/proc/\(pid)/\(path)") }

    /// A file of the node; nil when it cannot be read.
    func text(_ path: String) -> String? {
        guard let bytes = try? Files.read(root + path, limit: 1 << 20) else { return nil }
        return String(decoding: bytes.last == 0x0a ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    /// Where a link of its first process below /proc leads: "net:[4026532211]".
    func link(_ path: String) -> String? { ContainerView.link("\(root)/proc/\(pid)/\(path)") }

    static func link(_ path: String) -> String? {
        var text = [UInt8](repeating: 0, count: 256)
        let count = text.withUnsafeMutableBytes {
            readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return count > 0 ? String(decoding: text[..<count], as: UTF8.self) : nil
    }

    /// A line of its first process's status: "CapEff" gives "00000000a80425fb".
    func status(_ key: String) -> String? { ContainerView.value(key, in: file("status")) }

    /// What stands after "KEY:" in a text of lines.
    static func value(_ key: String, in text: String?) -> String? {
        guard let line = text?.split(separator: "\n").first(where: { $0.hasPrefix("\(key):") }) else { return nil }
        return String(line.dropFirst(key.count + 1).drop { $0 == " " || $0 == "\t" })
    }

    /// Its control group, below each hierarchy's root as the node sees it.
    var group: String {
        let parent = (host?["CgroupParent"]?.string ?? "").split(separator: "/").joined(separator: "/")
        return "/\(parent.isEmpty ? "berth" : parent)/\(id)"
    }

    /// A file of a control group, in v1's hierarchy of that controller or in v2; nil where there is none.
    func groupFile(_ controller: String, v1: String, v2: String, of group: String? = nil) -> String? {
        let group = group ?? self.group
        return text("/sys/fs/cgroup/\(controller)\(group)/\(v1)") ?? text("/sys/fs/cgroup\(group)/\(v2)")
    }

    /// Its memory's limit in bytes, as the kernel has it; nil without one.
    func memoryLimit(of group: String? = nil) -> Int64? {
        let text = groupFile("memory", v1: "memory.limit_in_bytes", v2: "memory.max", of: group)
        // v1's "none" is the largest multiple of a page.
        return text.flatMap { Int64($0) }.flatMap { $0 >= 1 << 62 ? nil : $0 }
    }

    /// How often it had to wait for its next share of a processor.
    var throttled: Int64? {
        let text = groupFile("cpu", v1: "cpu.stat", v2: "cpu.stat")
        let line = text?.split(separator: "\n").first { $0.hasPrefix("nr_throttled ") }
        return line.flatMap { Int64($0.dropFirst("nr_throttled ".count)) }
    }

    /// Nanoseconds that its first process has run (/proc/PID/schedstat).
    var runtime: Int64? { file("schedstat")?.split(separator: " ").first.flatMap { Int64($0) } }

    /// Processes whose parent is its first process: state and name of each.
    var children: [(state: String, name: String)] {
        let names = (try? Files.names(in: "\(root)/proc")) ?? []
        return names.filter { Int32($0) != nil }.compactMap { child in
            let status = text("/proc/\(child)/status")
            guard ContainerView.value("PPid", in: status) == "\(pid)" else { return nil }
            let state = ContainerView.value("State", in: status) ?? ""
            return (String(state.prefix(1)), ContainerView.value("Name", in: status) ?? "")
        }
    }

    /// The mount options of its root: lowerdir, upperdir.
    var rootOptions: [String: String] {
        guard let lines = file("mountinfo")?.split(separator: "\n") else { return [:] }
        for line in lines {
            let words = line.split(separator: " ")
            guard words.count > 6, words[4] == "/", let options = words.last else { continue }
            var found: [String: String] = [:]
            for option in options.split(separator: ",") {
                let parts = option.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { continue }
                let key = parts[0].hasSuffix("+") ? String(parts[0].dropLast()) : parts[0]
                found[key] = found[key].map { "\($0):\(parts[1])" } ?? parts[1]
            }
            return found
        }
        return [:]
    }
}

extension Look {
    /// The world's daemon.
    func daemon() throws(LabError) -> LabDaemon { try LabDaemon(world) }

    /// A container by its name; nil where there is none.
    func container(_ name: String) throws(LabError) -> ContainerView? {
        let daemon = try daemon()
        guard let json = try daemon.found("/containers/\(name)/json") else { return nil }
        return ContainerView(name: name, json: json, root: daemon.root)
    }

    /// What a container has changed in its root, by path: 0 changed, 1 new, 2 gone (GET /containers/NAME/changes).
    func changes(_ name: String) throws(LabError) -> [String: Int64] {
        var found: [String: Int64] = [:]
        for change in try daemon().json("GET", "/containers/\(name)/changes").array ?? [] {
            if let path = change["Path"]?.string, let kind = change["Kind"]?.integer { found[path] = kind }
        }
        return found
    }

    /// The exit code of a program that is run in a container now; nil when it has not ended within 1.5 s.
    func execute(_ words: [String], in name: String) throws(LabError) -> Int64? {
        let daemon = try daemon()
        let body: JSON = [
            "Cmd": .array(words.map { .string($0) }), "AttachStdout": false, "AttachStderr": false,
        ]
        let made = try daemon.json("POST", "/containers/\(name)/exec", [], body)
        guard let id = made["Id"]?.string else { return nil }
        try daemon.order("POST", "/exec/\(id)/start", [], ["Detach": true, "Tty": false])
        for _ in 0..<75 {
            let state = try daemon.json("GET", "/exec/\(id)/json")
            if state["Running"]?.bool == false, let code = state["ExitCode"]?.integer { return code }
            usleep(20_000)
        }
        return nil
    }

    /// The node's own namespace of a kind: "net:[4026532211]".
    func namespace(_ node: String, _ kind: String) throws(LabError) -> String? {
        ContainerView.link("/proc/\(try world.node(node).process.pid)/ns/\(kind)")
    }

    /// The links of a container's network.
    func links(of container: ContainerView) throws(LabError) -> [Link] {
        let path = "\(container.root)/proc/\(container.pid)/ns/net"
        return try during("look into the network of container \(container.name)") { () throws(KernelError) in
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: path)
            var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
            return try socket.links()
        }
    }
}
