import CKernel
import Glibc
import NetCore

/// Where `berth net` may change something: in a node of the lab, or in another network that is not the machine's own.
enum NetPlace {
    /// Throws E-GUARD, whose exit code is 3, in the network of the machine's first process.
    static func mustBeApart() throws(LabError) {
        // A node counts its own first process as 1, whose network is the node's.
        if isNode { return }
        let networks: NetworkGuard
        do throws(LabError) {
            networks = try NetworkGuard(["/proc/1/ns/net"])
        } catch {
            // Who may not look at the machine's first process, and is root of a user namespace alone, cannot change that network; and
            // who was put into another network than an ancestor is not where the machine's processes are.
            if isUsersOwn || isApartFromAncestor { return }
            throw refusal("whether it is the machine's own cannot be told: \(error.cause ?? error.message)")
        }
        do throws(LabError) {
            try networks.permit(try current())
        } catch  where error.code == .guarded {
            throw refusal("it is the machine's own, or a container's, and none of the lab's")
        }
    }

    private static func refusal(_ cause: String) -> LabError {
        LabError(
            .guarded, "berth net refused to change this network: nothing was changed", cause: cause,
            fix: "do it in a node of the lab: berth lab exec host -- berth net …, or in its shell: berth lab shell host"
        )
    }

    private static func current() throws(LabError) -> NetworkNamespace {
        try during("look at this network") { () throws(KernelError) in try NetworkNamespace.current() }
    }

    /// In a world's node: the world has its nodes' networks below a /run of its own, beside the place where `on` listens.
    private static var isNode: Bool {
        guard access(OnProgram.socket, F_OK) == 0,
            let own = NetworkNamespace.Identity(path: "/proc/thread-self/ns/net"),
            let names = try? Files.names(in: "/run/netns")
        else { return false }
        return names.contains { NetworkNamespace.Identity(path: "/run/netns/\($0)") == own }
    }

    /// The process is in a user namespace below the machine's.
    private static var isUsersOwn: Bool {
        guard let bytes = try? Files.read("/proc/self/uid_map", limit: 4096) else { return false }
        let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" || $0 == "\t" }
        return words != ["0", "0", "4294967295"]
    }

    /// One of the processes that this one comes from is in another network.
    private static var isApartFromAncestor: Bool {
        let own = NetworkNamespace.Identity(path: "/proc/thread-self/ns/net")
        var process = getppid()
        for _ in 0..<64 where process > 0 {
            if let other = NetworkNamespace.Identity(path: "/proc/\(process)/ns/net"), other != own { return true }
            // man 5 proc: the parent is the second field behind the name, which may hold anything.
            guard let bytes = try? Files.read("/proc/\(process)/stat", limit: 4096),
                let end = bytes.lastIndex(of: UInt8(ascii: ")"))
            else { return false }
            let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
            guard fields.count > 1, let parent = pid_t(fields[1]) else { return false }
            process = parent
        }
        return false
    }

    /// The network of a node, by its name, as `ip … netns NAME` takes it; a process's by its number.
    static func namespace(_ word: String) throws(LabError) -> NetworkNamespace {
        let path = word.utf8.allSatisfy { (0x30...0x39).contains($0) } ? "/proc/\(word)/ns/net" : "/run/netns/\(word)"
        do throws(KernelError) {
            return try NetworkNamespace(open: word.contains("/") ? word : path)
        } catch {
            let nodes = (try? Files.names(in: "/run/netns"))?.sorted().joined(by: ", ") ?? ""
            throw LabError(
                .name, "there is no node called \(word)", cause: error.description,
                fix: nodes.isEmpty ? "take one that berth lab status shows" : "take one of these: \(nodes)")
        }
    }

    /// A node's first address, that of a cable; nil when there is no such node, or it has none.
    static func address(_ node: String, _ family: AddressFamily) -> IPAddress? {
        guard !node.contains("/"), NetworkNamespace.isOpenable("/run/netns/\(node)") else { return nil }
        do throws(KernelError) {
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: "/run/netns/\(node)")
            var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
            let loopbacks = Set(try socket.links().filter(\.isLoopback).map(\.index))
            return try socket.addresses().first {
                $0.prefix.family == family && !loopbacks.contains($0.link) && !$0.isLinkLocal
            }?.prefix.address
        } catch {
            return nil
        }
    }
}
