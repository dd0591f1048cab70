public import JSON
public import NetCore

/// What a runtime says about one attachment beside the network's configuration (libcni's RuntimeConf).
public struct AttachmentParameters: Hashable, Sendable {
    public let containerID: String
    /// The namespace's path; nil when it is gone (DEL alone).
    public var netns: String?
    public let interface: LinkName
    public var arguments: CNIArguments
    /// Capability arguments: a plugin gets those that it declares (cni.md R-4).
    public var capabilities: JSONObject

    /// Throws code 4 for a container id that the specification does not allow (cni.md P-6).
    public init(
        containerID: String, netns: String?, interface: LinkName, arguments: CNIArguments,
        capabilities: JSONObject = [:]
    ) throws(CNIError) {
        guard Names.isValid(containerID) else {
            throw CNIError(
                .invalidEnvironment, "CNI_CONTAINERID \"\(containerID)\" \(Names.rule)")
        }
        self.containerID = containerID
        self.netns = netns
        self.interface = interface
        self.arguments = arguments
        self.capabilities = capabilities
    }
}

/// The configuration that one plugin of a list gets on its standard input (cni.md R-4).
public struct ChainRequest {
    public let list: NetworkConfigurationList

    public init(list: NetworkConfigurationList) { self.list = list }

    /// For ADD, CHECK and DEL: name and version of the list, the previous result, and the capability arguments that the
    /// plugin declares. The declaration itself is the runtime's business and stays out.
    public func attachment(
        _ plugin: JSONObject, capabilities: JSONObject, previousResult: CNIResult?
    ) throws(CNIError) -> JSONObject {
        var request = common(plugin)
        request["prevResult"] = try previousResult.map { result throws(CNIError) in
            try result.json(version: list.version)
        }
        var runtimeConfig = JSONObject()
        for name in NetworkConfigurationList.capabilities(of: plugin) {
            if let value = capabilities[name] { runtimeConfig[name] = value }
        }
        // Without arguments a runtimeConfig that the administrator wrote stands, as libcni lets it.
        if !runtimeConfig.isEmpty { request["runtimeConfig"] = .object(runtimeConfig) }
        return request
    }

    /// For STATUS: nothing of any attachment.
    func status(_ plugin: JSONObject) -> JSONObject {
        var request = common(plugin)
        request["prevResult"] = nil
        request["runtimeConfig"] = nil
        return request
    }

    /// For GC: the attachments that stay, under the specification's key and under the one that it once had.
    func collection(_ plugin: JSONObject, valid: [ValidAttachment]) -> JSONObject {
        var request = status(plugin)
        let list = JSON.array(
            valid.map { .object(["containerID": .string($0.containerID), "ifname": .string($0.interface)]) })
        request["cni.dev/valid-attachments"] = list
        request["cni.dev/attachments"] = list
        return request
    }

    private func common(_ plugin: JSONObject) -> JSONObject {
        var request = plugin
        request["capabilities"] = nil
        request["name"] = .string(list.name)
        request["cniVersion"] = .string(list.version.rawValue)
        return request
    }
}
