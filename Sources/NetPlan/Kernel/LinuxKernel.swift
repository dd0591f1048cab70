import CKernel
import Glibc
import NetCore

/// The running kernel, by one socket a namespace. Synchronous, for one thread.
public struct LinuxKernel: ~Copyable, Kernel {
    let sockets: KernelSockets
    /// The socket of the namespace that runs us.
    public var host: NetlinkSocket {
        _read { yield sockets.host }
        nonmutating _modify { yield &sockets.host }
    }
    let state: StateDirectory
    /// Removal of links and closing of sockets may go on in a child after we return (docs/adr/0005-del.md).
    let detaches: Bool
    /// Whether a port that the attachment with this tag publishes may stay there: the container's own, on another network.
    public var yieldsPorts: (String) -> Bool = { _ in false }
    /// What the attachment with this tag publishes; nil where nobody knows.
    public var portsOf: (String) -> [IptablesChanges.Claim]? = { _ in nil }
    /// Tables whose constant half was seen to be whole a moment ago: looking at it again for each of a thousand attachments
    /// takes a second.
    public var trustedTables: [NftFamily] = []
    /// What firewalld had when it was last asked; nil after a change.
    var firewalld: FirewalldState?
    /// The sources of zones that this kernel's plans added where they were missing.
    public internal(set) var addedSources: [ZoneSource] = []
    /// Whom the last plan left ports to.
    public internal(set) var yielded: Set<String> = []
    /// Parameters that a link's message told, or a look. Arrays, for there are few: a dictionary's kind is put together at
    /// run time, in every process.
    var told: [(path: String, place: Place, value: String)] = []
    var indexes: [(name: String, place: Place, index: Int32)] = []
    /// Names that were looked up on the host and stood for nothing.
    var absent: [String] = []
    var waiting: [NetlinkRequest] = []
    /// Brings up the host's end of a new cable, once the other has all that it is to have.
    var rising: [NetlinkRequest] = []
    /// berth-iptables, started ahead.
    public var legacy: StartedChild?

    /// Opens the host's socket and, with a namespace path, one there. Throws what the kernel said.
    public init(namespace path: String? = nil, state: StateDirectory, detaches: Bool = false) throws(KernelError) {
        sockets = try KernelSockets.open(namespace: path)
        self.state = state
        self.detaches = detaches
    }

    // MARK: two places

    /// Runs `body` where `place` is.
    mutating func at<R>(_ place: Place, _ body: () throws(KernelError) -> R) throws(KernelError) -> R {
        guard place == .container else { return try body() }
        let back = sockets.homeNumber
        return try withNamespace { (namespace) throws(KernelError) in try namespace.inside(home: back, body) }
    }

    mutating func withNamespaceDescriptor<R>(_ body: (Int32) throws(KernelError) -> R) throws(KernelError) -> R {
        try withNamespace { (namespace) throws(KernelError) in try body(namespace.number) }
    }

    private mutating func withNamespace<R>(
        _ body: (inout NetworkNamespace) throws(KernelError) -> R
    ) throws(KernelError) -> R {
        if sockets.namespace == nil { throw LinuxKernel.noNamespace }
        return try body(&sockets.namespace!)
    }

    /// Runs `body` with the nf_tables socket, which is opened when first needed.
    mutating func withNetfilter<R>(_ body: (inout NetlinkSocket) throws(KernelError) -> R) throws(KernelError) -> R {
        if sockets.netfilter == nil {
            do {
                sockets.netfilter = try NetlinkSocket(NETLINK_NETFILTER)
            } catch {
                throw KernelError(
                    error.operation, error.errno, "this kernel has no netfilter; it must be built with CONFIG_NF_TABLES"
                )
            }
        }
        do throws(KernelError) {
            return try body(&sockets.netfilter!)
        } catch  where error.errno == .invalidArgument || error.errno == .notSupported {
            // What nfnetlink says for a subsystem that is not there.
            if sockets.netfilter!.knowsNftables { throw error }
            throw KernelError(error.operation, .notSupported, LinuxKernel.noNftables)
        }
    }

    private static let noNftables = "this kernel has no nf_tables; it must be built with CONFIG_NF_TABLES"

    /// Says the error that the kernel has no nf_tables at all?
    public static func lacksNftables(_ error: KernelError) -> Bool {
        error.errno == .notSupported && error.explanation == noNftables
    }

    /// Runs `body`; on a kernel without nf_tables nothing happens, for there nothing is to be found or removed.
    mutating func whereNftables(_ body: (inout LinuxKernel) throws(KernelError) -> Void) throws(KernelError) {
        do throws(KernelError) {
            try body(&self)
        } catch  where LinuxKernel.lacksNftables(error) {}
    }

    private static let noNamespace = KernelError(
        "work in the container's network namespace", .noSuchFile, "no namespace was given")

    func requireContainer() throws(KernelError) {
        if sockets.container == nil { throw LinuxKernel.noNamespace }
    }

    /// Is sent with the next requests for the container, in order and in one go.
    mutating func queue(_ request: NetlinkRequest) { waiting.append(request) }

    /// What was queued for the container is done. Throws the first refusal.
    mutating func flush() throws(KernelError) {
        guard !waiting.isEmpty else { return }
        try requireContainer()
        let requests = waiting
        waiting = []
        try sockets.container!.perform(requests)
    }

    /// New cables are connected: both ends are up.
    mutating func rise() throws(KernelError) {
        let requests = rising
        rising = []
        try host.perform(requests)
    }

    // MARK: the verbs

    public mutating func apply(_ plan: Plan) throws(ApplyFailure) { try apply(plan, plan.netfilter) }

    /// As above, with the plan's netfilter half from somebody who has put it together already.
    public mutating func apply(_ plan: Plan, _ netfilter: NetfilterChanges) throws(ApplyFailure) {
        var made: [Resource] = []
        do throws(ApplyFailure) {
            do throws(KernelError) {
                for resource in plan.shared { try ensure(resource) }
                try make(plan.owned, &made)
                try flush()
                try rise()
            } catch {
                throw ApplyFailure(.kernel(error))
            }
            yielded = []
            if plan.backend == .nftables { try requireNoIptablesHolder(plan) }
            try commit(netfilter, owner: plan.owner)
            if plan.backend != .nftables { try commitIptables(plan, over: netfilter) }
            // What isolates stands before what opens.
            try commitSources(plan, over: netfilter)
        } catch {
            (waiting, rising) = ([], [])
            // What could not be made because something stands in its place is not ours to remove.
            if case .kernel(let first) = error.cause, first.errno == .alreadyExists, made.last?.isMadeNew == true {
                made.removeLast()
            }
            let left = undo(made)
            // What was known of links that have gone.
            (told, indexes, absent) = ([], [], [])
            throw ApplyFailure(error.cause, leftBehind: error.leftBehind + left)
        }
    }

    /// What stands together is made together: a new cable with its port's flags, and what is set in its namespace.
    private mutating func make(_ owned: [Resource], _ made: inout [Resource]) throws(KernelError) {
        var rest = owned[...]
        var isNew = false
        while let resource = rest.popFirst() {
            made.append(resource)
            switch resource {
            case .vethPair(let pair):
                isNew = true
                guard case .bridgePort(let port)? = rest.first, port.link == pair.host else {
                    try pair.create(&self)
                    continue
                }
                try pair.create(&self, as: port)
                made.append(rest.removeFirst())
            case .macvlan(let link):
                isNew = true
                try link.create(&self)
            case .sysctl(let first) where first.place == .container:
                var settings = [first]
                while case .sysctl(let next)? = rest.first, next.place == .container {
                    settings.append(next)
                    made.append(rest.removeFirst())
                }
                if isNew {
                    try writeNew(settings)
                } else {
                    try flush()
                    for setting in settings { try set(setting) }
                }
            default: try ensure(resource)
            }
        }
    }

    /// A new link has the kernel's values, which are not worth a look; and what netlink can set goes with its other
    /// messages, in their order.
    private mutating func writeNew(_ settings: [SysctlSetting]) throws(KernelError) {
        var files: [SysctlSetting] = []
        for setting in settings {
            let parts = setting.path.split(separator: "/")
            guard setting.path.hasPrefix("net/ipv4/conf/"), parts.count == 5, parts[4] == "arp_notify" else {
                files.append(setting)
                continue
            }
            var changes = LinkRequest.Changes()
            changes.announcesAddresses = setting.value != "0"
            queue(try LinkRequest.set(String(parts[3]), changes, "set sysctl \(setting.path) to \(setting.value)"))
        }
        guard !files.isEmpty else { return }
        try flush()
        try write(files)
    }

    mutating func ensure(_ resource: Resource) throws(KernelError) {
        switch resource {
        case .bridge(let it): try it.ensure(&self)
        case .vethPair(let it):
            try it.create(&self)
            try rise()
        case .bridgePort(let it): try it.ensure(&self)
        case .knownAddress(let it): try it.ensure(&self)
        case .sysctl(let it):
            if it.place == .container { try flush() }
            try set(it)
        case .address(let it): try it.ensure(&self)
        case .linkUp(let it): try it.ensure(&self)
        case .linkDown(let it): try it.ensure(&self)
        case .route(let it): try it.ensure(&self)
        case .forgottenNeighbour(let it): try it.ensure(&self)
        case .linkSettings(let it): try it.ensure(&self)
        case .macvlan(let it): try it.create(&self)
        case .functionalBlock(let it): try it.create(&self)
        case .tokenBucket(let it): try it.create(&self)
        case .ingressRedirect(let it): try it.create(&self)
        case .senderCheck, .masquerade, .portForward, .hairpin, .firewallMember, .isolation, .adminChain, .zoneSource:
            break
        }
    }

    /// Only links and what shapes them have to be taken back: what stands in the container goes with its cable, netfilter's
    /// part is all or nothing.
    private mutating func undo(_ made: [Resource]) -> [KernelError] {
        var failures: [KernelError] = []
        for resource in made.reversed() {
            do throws(KernelError) {
                switch resource {
                case .vethPair(let pair):
                    if let link = try link(pair.host, .host) { try host.perform([try LinkRequest.delete(link)]) }
                case .macvlan(let it): try removeMacvlan(of: it.owner, isRecorded: false)
                case .functionalBlock(let it): try it.remove(&self)
                case .tokenBucket(let it): try it.remove(&self)
                case .ingressRedirect(let it): try it.remove(&self)
                default: break
                }
            } catch {
                failures.append(error)
            }
        }
        return failures
    }

    public mutating func findings(_ plan: Plan) throws(KernelError) -> [Finding] {
        var found: [Finding] = []
        for resource in plan.resources { found += try findings(resource) }
        found += try netfilterFindings(plan.netfilter, owner: plan.owner)
        if plan.backend != .nftables { found += try iptablesFindings(plan) }
        return found + (try sourceFindings(plan))
    }

    /// Of one resource; what netfilter holds is looked at with the whole plan.
    mutating func findings(_ resource: Resource) throws(KernelError) -> [Finding] {
        switch resource {
        case .bridge(let it): try it.findings(&self)
        case .vethPair(let it): try it.findings(&self)
        case .bridgePort(let it): try it.findings(&self)
        case .knownAddress(let it): try it.findings(&self)
        case .sysctl(let it): try it.findings(&self)
        case .address(let it): try it.findings(&self)
        case .linkUp(let it): try it.findings(&self)
        case .linkDown(let it): try it.findings(&self)
        case .route(let it): try it.findings(&self)
        case .linkSettings(let it): try it.findings(&self)
        case .macvlan(let it): try it.findings(&self)
        case .functionalBlock(let it): try it.findings(&self)
        case .tokenBucket(let it): try it.findings(&self)
        case .ingressRedirect(let it): try it.findings(&self)
        case .forgottenNeighbour, .senderCheck, .masquerade, .portForward, .hairpin, .firewallMember, .isolation,
            .adminChain, .zoneSource:
            []
        }
    }
}

extension Resource {
    /// It is an error when it stands already.
    fileprivate var isMadeNew: Bool {
        switch self {
        case .vethPair, .macvlan, .functionalBlock, .tokenBucket, .ingressRedirect: true
        default: false
        }
    }
}

extension LinuxKernel {
    /// Runs `body` with a kernel that reaches into a container's namespace; when that has gone, does nothing: DEL comes
    /// late as often as not.
    public static func withContainer(
        _ path: String, state: StateDirectory, _ body: (inout LinuxKernel) throws(KernelError) -> Void
    ) throws(KernelError) {
        guard NetworkNamespace.isOpenable(path) else { return }
        var kernel = try LinuxKernel(namespace: path, state: state)
        try body(&kernel)
    }

    /// The container's link is down; that there is none is no failure.
    public mutating func setDown(_ name: LinkName) throws(KernelError) {
        guard try link(name, .container) != nil else { return }
        var changes = LinkRequest.Changes()
        changes.up = false
        queue(try LinkRequest.set(name.description, changes, "set link \(name) down"))
        try flush()
    }

    /// Changes that are made outside of a plan, such as the way back of `tuning`.
    public mutating func apply(_ settings: LinkSettings) throws(KernelError) { try settings.ensure(&self) }
}
