import CKernel
import Glibc
public import NetCore

/// One node's conntrack: its table, and from `watch()` on what changes in it. The sockets belong to the node, the thread does not.
public final class ConntrackNode {
    public let node: NodeReference
    /// The node's own addresses, as they are now.
    public let addresses: Set<IPAddress>
    private var socket: NetlinkSocket

    /// Something that happened, and the entry as it was then.
    public struct Event: Hashable, Sendable {
        public var kind: ConntrackEvent.Kind
        public var entry: ConntrackEntry
        public var words: String {
            switch kind {
            case .new: "NEW"
            case .update: "UPDATE"
            case .destroy: "DESTROY"
            }
        }
    }

    /// Throws what the kernel refused.
    public init(_ node: NodeReference) throws(TraceError) {
        self.node = node
        do throws(KernelError) {
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: node.namespace)
            var routes = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
            addresses = Set(try routes.addresses().map(\.prefix.address))
            socket = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home.number)
        } catch {
            throw TraceError.kernel(error, node: node.name)
        }
    }

    /// The node's matching entries, in the order of their tuples.
    public func entries(_ filter: ConntrackFilter) throws(TraceError) -> [ConntrackEntry] {
        do throws(KernelError) {
            return try socket.trackedFlows().filter(filter.matches).sorted {
                ($0.flow.original.words, $0.flow.id) < ($1.flow.original.words, $1.flow.id)
            }
        } catch {
            throw TraceError.kernel(error, node: node.name)
        }
    }

    /// The matching entries are gone; gives those that were there.
    public func flush(_ filter: ConntrackFilter) throws(TraceError) -> [ConntrackEntry] {
        var gone: [ConntrackEntry] = []
        for entry in try entries(filter) {
            do throws(KernelError) {
                if try socket.forget(entry) { gone.append(entry) }
            } catch {
                throw TraceError.kernel(error, node: node.name)
            }
        }
        return gone
    }

    /// From now on `events()` has what changes. Call it once.
    public func watch() throws(TraceError) {
        do throws(KernelError) {
            socket.makeRoom(bytes: 4 << 20)
            for group: Int32 in 1...3 { try socket.join(group: group) }
        } catch {
            throw TraceError.kernel(error, node: node.name)
        }
    }

    /// To be polled for reading.
    public var descriptor: Int32 { socket.descriptor }

    /// Whatever waits of the filter's.
    public func events(_ filter: ConntrackFilter) throws(TraceError) -> [Event] {
        do throws(KernelError) {
            return try socket.events("read conntrack events").compactMap { message in
                guard let entry = ConntrackEntry(message), filter.matches(entry) else { return nil }
                return Event(kind: entry.flow.kind, entry: entry)
            }
        } catch {
            throw TraceError.kernel(error, node: node.name)
        }
    }

    /// Events that the kernel had no room for, of whatever flows.
    public var losses: Int { SocketLosses.count(descriptor) }
}
