public import JSON
import NetCore

/// What `attach` would hand to a network's plugins, with nothing made.
public struct PlannedAttachment: Sendable {
    /// The network's name.
    public let network: String
    /// The list, as its file says it.
    public let list: JSONObject
    public let capabilities: JSONObject
    /// Each 0 replaced by a port that is free now.
    public let ports: [PublishedPort]
    /// Of the plugins, NAME=VALUE.
    public let environment: [String]
    /// The bridge of an internal network, which forwards nothing.
    public let closedBridge: String?
    /// The responder of a network with names, and its arguments; empty where there is none.
    public let responder: [String]
    private let stored: StoredNetwork
    private let store: NetworkStore
    private let wish: AttachmentWish

    /// What the container would know of the attachment, were that the list's result. Throws 500 for what is no result.
    public func attached(_ result: JSON) throws(NetworkError) -> AttachedNetwork {
        var attached = AttachedNetwork()
        attached.network = stored.name
        attached.networkID = stored.id
        attached.ports = ports
        attached.aliases = wish.aliases
        do throws(ChainRefusal) {
            try store.read(result, stored, wish.interface, &attached)
        } catch {
            throw NetworkError(500, error.sentence)
        }
        return attached
    }

    fileprivate init(_ wish: AttachmentWish, _ stored: StoredNetwork, _ store: NetworkStore) throws(NetworkError) {
        self.wish = wish
        self.stored = stored
        self.store = store
        network = stored.name
        list = stored.list
        var choice = PortChoice(wish.ports, beside: wish.takenPorts)
        ports = try choice.next()
        capabilities = try store.capabilities(wish, stored, ports)
        environment = store.chain(wish).environment
        closedBridge = stored.isInternal ? stored.bridge : nil
        if stored.hasNames {
            let command = try store.responderCommand(of: stored)
            responder = [command.program] + command.arguments
        } else {
            responder = []
        }
    }
}

extension NetworkStore {
    /// What an `attach` of that wish would do; nil where no plugin is called (host, none). `isAttached`: it is there, and only told
    /// once more. Throws what `attach` would refuse before it makes anything.
    public func planned(
        _ wish: AttachmentWish, to reference: String, isAttached: Bool = false
    ) throws(NetworkError) -> PlannedAttachment? {
        let network = try seen(reference)
        guard network.kind != .host, network.kind != .none else { return nil }
        if !isAttached { try judge(wish, network) }
        return try PlannedAttachment(wish, network, self)
    }

    /// Whether two references mean one network.
    public func isSame(_ one: String, _ other: String) -> Bool {
        do throws(NetworkError) { return try seen(one).id == seen(other).id } catch { return false }
    }

    /// The network of a reference; the default one is not made for it.
    private func seen(_ reference: String) throws(NetworkError) -> StoredNetwork {
        try ["bridge", "default"].contains(reference) ? plannedStandard() : find(reference)
    }
}
