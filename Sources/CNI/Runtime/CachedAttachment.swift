public import JSON
import NetCore

/// What a runtime remembers of one attachment from ADD to DEL: libcni's `cniCacheV1` (cni.md R-10).
public struct CachedAttachment: Hashable, Sendable {
    public let network: String
    public let parameters: AttachmentParameters
    /// The list as it was at ADD.
    public let configuration: [UInt8]
    /// The final result; nil when ADD failed and could not be undone.
    public let result: JSON?
    /// The runtime that attached; nil when the file does not say (libcni writes no such key).
    public let owner: String?
    /// Why the last DEL did not finish; nil for a live attachment.
    public var pendingDelete: String?

    static let kind = "cniCacheV1"

    public init(
        network: String, parameters: AttachmentParameters, configuration: [UInt8], result: JSON?, owner: String?,
        pendingDelete: String? = nil
    ) {
        self.network = network
        self.parameters = parameters
        self.configuration = configuration
        self.result = result
        self.owner = owner
        self.pendingDelete = pendingDelete
    }

    /// The attachment's key.
    public var attachment: Attachment {
        Attachment(network: network, containerID: parameters.containerID, interface: parameters.interface)
    }

    var valid: ValidAttachment {
        ValidAttachment(containerID: parameters.containerID, interface: parameters.interface.description)
    }

    /// libcni's keys in libcni's order, then ours, which libcni passes over.
    var json: JSON {
        var json: JSONObject = [
            "kind": .string(CachedAttachment.kind),
            "containerId": .string(parameters.containerID),
            "config": .string(Base64.encode(configuration)),
            "ifName": .string(parameters.interface.description),
            "networkName": .string(network),
        ]
        if let netns = parameters.netns { json["netns"] = .string(netns) }
        let pairs = parameters.arguments.pairs
        if !pairs.isEmpty { json["cniArgs"] = .array(pairs.map { .array([.string($0.key), .string($0.value)]) }) }
        if !parameters.capabilities.isEmpty { json["capabilityArgs"] = .object(parameters.capabilities) }
        json["result"] = result
        json["owner"] = owner.map(JSON.string)
        json["pendingDelete"] = pendingDelete.map(JSON.string)
        return .object(json)
    }

    /// Throws code 6 with the key that is missing or wrong; nil when the object is of another kind.
    init?(_ json: JSON) throws(CNIError) {
        guard let kind = json["kind"]?.string else { return nil }
        guard kind == CachedAttachment.kind else {
            throw CNIError(.decoding, "\"kind\": \"\(kind)\" is not \"\(CachedAttachment.kind)\"")
        }
        func text(_ key: String) throws(CNIError) -> String {
            guard let text = json[key]?.string, !text.isEmpty else {
                throw CNIError(.decoding, "\"\(key)\" is missing or no string")
            }
            return text
        }
        guard let configuration = Base64.decode(try text("config")) else {
            throw CNIError(.decoding, "\"config\" is not base64")
        }
        let name = try text("ifName")
        guard let interface = LinkName(name) else {
            throw CNIError(.decoding, "\"ifName\": \"\(name)\" \(LinkName.fault(in: name) ?? "")")
        }
        let pairs = try (json["cniArgs"]?.array ?? []).map { pair throws(CNIError) in
            guard let pair = pair.array, pair.count == 2, let key = pair[0].string, let value = pair[1].string else {
                throw CNIError(.decoding, "\"cniArgs\" is not a list of pairs")
            }
            return CNIArguments.Pair(key: key, value: value)
        }
        network = try text("networkName")
        result = json["result"].flatMap { $0.object == nil ? nil : $0 }
        // libcni before 1.3 writes no "netns"; there the result tells.
        let namespaces = [json["netns"]?.string, CachedAttachment.sandbox(of: name, in: result)]
        parameters = try AttachmentParameters(
            containerID: try text("containerId"), netns: namespaces.lazy.compactMap(\.self).first { !$0.isEmpty },
            interface: interface, arguments: CNIArguments(pairs: pairs),
            capabilities: json["capabilityArgs"]?.object ?? [:])
        self.configuration = configuration
        owner = json["owner"]?.string
        pendingDelete = json["pendingDelete"]?.string
    }

    /// The namespace in which a result has the container's interface.
    private static func sandbox(of interface: String, in result: JSON?) -> String? {
        let interfaces = result?["interfaces"]?.array ?? []
        return interfaces.lazy.filter { $0["name"]?.string == interface }.compactMap { $0["sandbox"]?.string }.first {
            !$0.isEmpty
        }
    }
}
