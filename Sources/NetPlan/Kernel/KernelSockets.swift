import CKernel
import Glibc
import NetCore

/// The sockets by which a kernel is spoken to: the host's, one in a container's namespace, one for nf_tables.
final class KernelSockets {
    var host: NetlinkSocket
    var container: NetlinkSocket?
    var namespace: NetworkNamespace?
    /// The way back from there.
    private var home: OwnedDescriptor?
    private(set) var homeNumber: Int32 = -1
    /// Opened when first needed.
    var netfilter: NetlinkSocket?
    /// The container's parameters that were read, open for writing: with a thousand namespaces each way to a name below
    /// /proc/sys takes half a millisecond.
    private var parameters: [(path: String, descriptor: Int32)] = []

    deinit {
        for parameter in parameters { close(parameter.descriptor) }
    }

    func parameter(_ path: String) -> Int32? { parameters.first { $0.path == path }?.descriptor }

    /// Takes over the descriptor.
    func keep(_ descriptor: Int32, of path: String) { parameters.append((path, descriptor)) }

    /// Links as they were when they were last looked up.
    private var hostLinks: [Link] = []
    private var containerLinks: [Link] = []

    func links(_ place: Place) -> [Link] { place == .host ? hostLinks : containerLinks }

    func remember(_ link: Link, _ place: Place) {
        func put(_ links: inout [Link]) {
            links.removeAll { $0.index == link.index || $0.name == link.name }
            links.append(link)
        }
        if place == .host { put(&hostLinks) } else { put(&containerLinks) }
    }

    /// Throws what the kernel said.
    init(namespace path: String?) throws(KernelError) {
        guard let path else {
            host = try NetlinkSocket(NETLINK_ROUTE)
            return
        }
        let opened = try NetworkNamespace(open: path)
        let own = try NetworkNamespace.own()
        let inner = try NetlinkSocket(NETLINK_ROUTE, in: opened, home: own.number)
        host = try NetlinkSocket(NETLINK_ROUTE)
        container = consume inner
        namespace = consume opened
        homeNumber = own.number
        home = consume own
    }

    // MARK: keeping

    /// What one plugin of a chain leaves to the next. Sockets belong to the namespace that their thread was in, so only a
    /// process with one thread and one operation may keep them: berth-cni.
    private struct Kept {
        var isOn = false
        var path: String?
        var sockets: KernelSockets?
        var done: [String] = []
    }
    private nonisolated(unsafe) static var kept = Kept()

    /// From now on the sockets of one kernel serve the next with the same namespace, or with none.
    static func keep() { kept.isOn = true }

    fileprivate static func isFirst(_ task: String) -> Bool {
        guard kept.isOn else { return true }
        if kept.done.contains(task) { return false }
        kept.done.append(task)
        return true
    }

    /// Those that are kept, or new ones.
    static func open(namespace path: String?) throws(KernelError) -> KernelSockets {
        if let sockets = kept.sockets, path == nil || path == kept.path { return sockets }
        let sockets = try KernelSockets(namespace: path)
        if kept.isOn {
            kept.sockets = sockets
            kept.path = path
        }
        return sockets
    }
}

extension LinuxKernel {
    /// The kernels that this process opens from now on share their sockets. Only for a process of one thread that
    /// serves one container: the plugins of a chain then spare each other the opening.
    public static func sharesSockets() { KernelSockets.keep() }

    /// Whether this is the first kernel to do a task, among those that share their sockets.
    public static func isFirst(_ task: String) -> Bool { KernelSockets.isFirst(task) }
}
