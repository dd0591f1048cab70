import JSON

/// An attachment that a runtime still knows, in a GC request (P-57).
public struct ValidAttachment: Hashable, Sendable {
    public let containerID: String
    public let interface: String

    public init(containerID: String, interface: String) {
        self.containerID = containerID
        self.interface = interface
    }
}

/// A plugin's standard input: the network configuration with what a runtime put into it (SPEC section 1 and 3).
public struct NetworkConfiguration: Hashable, Sendable {
    /// Everything as it came, in order; unknown keys are kept (P-18).
    public var json: JSONObject
    /// `cniVersion`; 0.1.0 when absent (P-11).
    public let version: SpecVersion
    public let name: String
    /// "" when absent: only a runtime needs it.
    public let type: String
    /// `prevResult` in 1.1.0 form.
    public var previousResult: CNIResult?
    /// `runtimeConfig` with the keys of the conventions, whatever the engine calls them; empty when absent.
    public var runtimeConfig: JSONObject
    /// `args.cni`; empty when absent.
    public var cniArgs: JSONObject
    /// `cni.dev/valid-attachments`, else `cni.dev/attachments`; nil when neither stands (P-57, P-58).
    public var validAttachments: [ValidAttachment]?

    /// Throws code 6 for what is not a JSON object or has no readable version, 1 for a version that nobody here speaks,
    /// 7 for a missing or bad name and values of the wrong kind (P-10, P-11).
    public init(decoding bytes: [UInt8]) throws(CNIError) {
        try self.init(decoding: bytes, for: nil)
    }

    /// As above. For DEL a `prevResult`, `runtimeConfig`, `args` or list of attachments that cannot be read counts as absent:
    /// a damaged cache must not keep a container's network from being taken down (P-51, R-10).
    public init(decoding bytes: [UInt8], for command: Command?) throws(CNIError) {
        try self.init(try NetworkConfiguration.object(bytes), for: command)
    }

    /// The configuration that an object stands for; throws as `init(decoding:)`.
    public init(_ json: JSONObject, for command: Command? = nil) throws(CNIError) {
        let version = try NetworkConfiguration.version(of: json)
        do throws(CNIError) {
            try self.init(json, version: version, command: command)
        } catch {
            var error = error
            error.version = version
            throw error
        }
    }

    private init(_ json: JSONObject, version: SpecVersion, command: Command?) throws(CNIError) {
        self.json = json
        self.version = version
        let root = ConfigurationObject(json)
        name = try NetworkConfiguration.name(of: root)
        type = try root.string("type") ?? ""
        if type.utf8.contains(UInt8(ascii: "/")) {
            throw root.error("type", "is a path; it must be a plugin's name")
        }
        if command == .del {
            runtimeConfig = (root.value("runtimeConfig")?.object ?? [:]).conventional
            cniArgs = root.value("args")?["cni"]?.object ?? [:]
        } else {
            runtimeConfig = try (root.object("runtimeConfig")?.json ?? [:]).conventional
            cniArgs = try root.object("args")?.object("cni")?.json ?? [:]
            validAttachments = try NetworkConfiguration.validAttachments(of: root)
        }
        guard let previous = root.value("prevResult") else { return }
        do throws(CNIError) {
            previousResult = try CNIResult(decoding: previous, version: version, path: "prevResult")
        } catch {
            if command != .del { throw error }
        }
    }

    /// VERSION may come with nothing at all on standard input (P-60).
    init(probing bytes: [UInt8]) throws(CNIError) {
        let isBlank = bytes.allSatisfy { $0 == 0x20 || (0x09...0x0d).contains($0) }
        json = isBlank ? [:] : try NetworkConfiguration.object(bytes)
        version = json["cniVersion"]?.string.flatMap(SpecVersion.init(rawValue:)) ?? .latest
        (name, type, runtimeConfig, cniArgs) = ("", "", [:], [:])
    }

    /// Typed access, with errors that name key and value.
    public var root: ConfigurationObject { ConfigurationObject(json) }

    private static func object(_ bytes: [UInt8]) throws(CNIError) -> JSONObject {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw CNIError(.decoding, "the network configuration is not JSON: \(error)")
        }
        guard let object = json.object else {
            throw CNIError(.decoding, "the network configuration is \(json.kind), not an object")
        }
        return object
    }

    private static func version(of json: JSONObject) throws(CNIError) -> SpecVersion {
        guard let value = json["cniVersion"], value != .null, value != "" else { return .v0_1_0 }
        if let version = value.string.flatMap(SpecVersion.init(rawValue:)) { return version }
        guard let text = value.string, SpecVersion.isVersion(text) else {
            throw CNIError(
                .decoding, "\"cniVersion\": \(ConfigurationObject.clipped(value)) is not a version such as \"1.1.0\"")
        }
        throw SpecVersion.incompatible(text, supported: SpecVersion.allCases)
    }

    private static func name(of root: ConfigurationObject) throws(CNIError) -> String {
        guard let name = try root.string("name") else {
            throw CNIError(.invalidConfiguration, "missing network name", details: "the configuration has no \"name\"")
        }
        guard Names.isValid(name) else { throw root.error("name", Names.rule) }
        return name
    }

    private static func validAttachments(of root: ConfigurationObject) throws(CNIError) -> [ValidAttachment]? {
        for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            guard let objects = try root.objects(key) else { continue }
            var attachments: [ValidAttachment] = []
            attachments.reserveCapacity(objects.count)
            for object in objects {
                guard let containerID = try object.string("containerID") else {
                    throw object.error("containerID", "is missing")
                }
                guard let interface = try object.string("ifname") else { throw object.error("ifname", "is missing") }
                attachments.append(ValidAttachment(containerID: containerID, interface: interface))
            }
            return attachments
        }
        return nil
    }
}
