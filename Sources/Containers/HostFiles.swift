import Glibc
import JSON
import NetCore
import Networks

/// /etc/hosts, /etc/hostname and /etc/resolv.conf of a container.
enum HostFiles {
    /// `isShown`: the container has them already, bound over its own, so that the very files change and not their names.
    static func write(
        _ container: Container, hostname: String, networks: [AttachedNetwork], links: String, isShown: Bool = false
    ) throws(APIError) {
        let now = container.now
        let files = try contents(now, hostname: hostname, networks: networks, links: links)
        try Faults.kernel("write a container's files") { () throws(KernelError) in
            for (name, content) in files {
                let path = "\(container.directory)/\(name)"
                if isShown {
                    let file = try OwnedDescriptor(open: path, O_WRONLY | O_TRUNC)
                    try Files.write(Array(content.utf8), to: file.number, operation: "write \(path)")
                    continue
                }
                try Files.replace(path, with: Array(content.utf8), mode: 0o644)
                guard let root = now.map?.root else { continue }
                try check("give \(path) to the container's root") { lchown(path, root.user, root.group) }
            }
        }
    }

    /// The very file says `text` instead of `before`; on a disk that is full it stays as it is.
    static func write(_ text: String, over before: String, _ path: String) throws(KernelError) {
        let file = try OwnedDescriptor(open: path, O_WRONLY | O_NOFOLLOW)
        let put = { (text: String) throws(KernelError) in
            lseek(file.number, 0, SEEK_SET)
            try Files.write(Array(text.utf8), to: file.number, operation: "write \(path)")
            try check("shorten \(path)") { ftruncate(file.number, off_t(text.utf8.count)) }
        }
        do throws(KernelError) { try put(text) } catch {
            // What was there has its room still.
            try put(before)
            throw error
        }
    }

    /// By name: what they say.
    static func contents(
        _ now: ContainerState, hostname: String, networks: [AttachedNetwork], links: String
    ) throws(APIError) -> [(name: String, content: String)] {
        var hosts =
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
        if now.host["NetworkMode"]?.string == "host" { hosts = text("/etc/hosts") ?? hosts }
        for entry in Wish.texts(now.host, "ExtraHosts") {
            let (name, said) = try Wish.extraHost(entry)
            let address = said == "host-gateway" ? networks.first?.gateways.first ?? "127.0.0.1" : said
            hosts += "\(address)\t\(name)\n"
        }
        hosts += links
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
        return [
            ("hosts", hosts), ("hostname", hostname.isEmpty ? "" : hostname + "\n"),
            ("resolv.conf", lines.map { $0 + "\n" }.joined()),
        ]
    }

    /// As Files.makeDirectories; those that were not there are the owner's.
    static func makeDirectories(_ path: String, _ owner: (user: UInt32, group: UInt32)?) throws(KernelError) {
        guard let owner, !Files.exists(path) else { return try Files.makeDirectories(path) }
        try makeDirectories(Files.directory(of: path), owner)
        guard mkdir(path, 0o755) == 0 else { return try Files.makeDirectories(path) }
        try check("give \(path) to the container's root") { lchown(path, owner.user, owner.group) }
    }

    private static func text(_ path: String) -> String? {
        do throws(KernelError) { return String(decoding: try Files.read(path), as: UTF8.self) } catch { return nil }
    }
}
