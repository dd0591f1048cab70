public import JSON

/// A network as an administrator writes it: a name and the plugins that make it (cni.md R-1; SPEC section 1).
public struct NetworkConfigurationList: Hashable, Sendable {
    /// The whole object, unknown keys kept; plugins from the network's directory included.
    public private(set) var json: JSONObject
    public let name: String
    /// The highest of `cniVersion` and `cniVersions` that we speak.
    public let version: SpecVersion
    public let disableCheck: Bool
    public let disableGC: Bool
    public let loadOnlyInlinedPlugins: Bool
    /// One configuration a plugin, in the order of ADD, as written.
    public private(set) var plugins: [JSONObject]
    private var source: [UInt8]?

    /// The list's text: what the cache keeps, so that DEL sees what ADD saw.
    public var bytes: [UInt8] { source ?? JSON.object(json).bytes }

    /// Throws code 6 for what is not a JSON object (line and column named), else as `init(_:)`.
    public init(decoding bytes: [UInt8]) throws(CNIError) {
        let parsed: JSON
        do {
            parsed = try JSON(parsing: bytes)
        } catch {
            throw CNIError(.decoding, "the network configuration list is not JSON: \(error)")
        }
        guard let object = parsed.object else {
            throw CNIError(.decoding, "the network configuration list is \(parsed.kind), not an object")
        }
        try self.init(object)
        source = bytes
    }

    /// Throws code 7 for a key that cannot be, 1 when no version is ours. A list without plugins is let through, for
    /// its directory may have some, unless it says `loadOnlyInlinedPlugins`.
    public init(_ json: JSONObject) throws(CNIError) {
        let root = ConfigurationObject(json)
        self.json = json
        name = try ChainSyntax.networkName(root)
        version = try NetworkConfigurationList.version(root)
        disableCheck = try NetworkConfigurationList.flag("disableCheck", root)
        disableGC = try NetworkConfigurationList.flag("disableGC", root)
        loadOnlyInlinedPlugins = try NetworkConfigurationList.flag("loadOnlyInlinedPlugins", root)
        plugins = try (root.objects("plugins") ?? []).map { plugin throws(CNIError) in
            try ChainSyntax.requireType(plugin)
            return plugin.json
        }
        if loadOnlyInlinedPlugins { try requirePlugins() }
    }

    /// A lone plugin configuration (`*.conf`), as the list that it stands for.
    public init(lonePlugin plugin: JSONObject) throws(CNIError) {
        try ChainSyntax.requireType(ConfigurationObject(plugin))
        var list = JSONObject()
        list["name"] = plugin["name"]
        list["cniVersion"] = plugin["cniVersion"]
        list["plugins"] = .array([.object(plugin)])
        try self.init(list)
    }

    /// Adds a plugin that stood in a file of its own (cni.md R-3). Throws code 7 when it has no type.
    mutating func append(_ plugin: JSONObject) throws(CNIError) {
        try ChainSyntax.requireType(ConfigurationObject(plugin))
        plugins.append(plugin)
        json["plugins"] = .array(plugins.map(JSON.object))
        source = nil
    }

    /// Throws code 7 when there is nothing to run.
    func requirePlugins() throws(CNIError) {
        guard plugins.isEmpty else { return }
        throw CNIError(
            .invalidConfiguration,
            "network \"\(name)\" has no plugins: \"plugins\" is empty"
                + (loadOnlyInlinedPlugins
                    ? " and \"loadOnlyInlinedPlugins\" is true"
                    : " and the directory of that name beside its file has no .conf file"))
    }

    /// The names of the capabilities that a plugin declares (`"capabilities": {"portMappings": true}`).
    static func capabilities(of plugin: JSONObject) -> [String] {
        guard let declared = plugin["capabilities"]?.object else { return [] }
        return declared.keys.filter { declared[$0]?.bool == true }
    }

    /// true, false, "true" or "false": the reference takes all four.
    private static func flag(_ key: String, _ root: ConfigurationObject) throws(CNIError) -> Bool {
        guard root.has(key), let text = root.value(key)?.string else { return try root.bool(key) }
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default: throw root.error(key, "is neither true nor false")
        }
    }

    private static func version(_ root: ConfigurationObject) throws(CNIError) -> SpecVersion {
        var stated = try root.strings("cniVersions") ?? []
        if let single = try root.string("cniVersion") { stated.append(single) }
        for text in stated where !SpecVersion.isVersion(text) {
            throw root.error(
                stated.count > 1 || !root.has("cniVersion") ? "cniVersions" : "cniVersion",
                "holds \"\(text)\", which is not a version such as \"\(SpecVersion.latest.rawValue)\"")
        }
        if stated.isEmpty { return .v0_1_0 }
        guard let version = stated.compactMap(SpecVersion.init(rawValue:)).max() else {
            let known = SpecVersion.allCases.map { "\"\($0.rawValue)\"" }.joined(by: ", ")
            throw CNIError(
                .incompatibleVersion, "incompatible CNI versions",
                details:
                    "config is \(stated.map { "\"\($0)\"" }.joined(by: ", ")), the runtime supports [\(known)]")
        }
        return version
    }
}

/// What a list must say of itself and of each plugin (SPEC section 1).
enum ChainSyntax {
    /// Throws code 7 for a network without a name, or with one that cannot be a file's.
    static func networkName(_ root: ConfigurationObject) throws(CNIError) -> String {
        guard let name = try root.string("name") else {
            throw CNIError(.invalidConfiguration, "missing network name: \"name\" is not set")
        }
        guard Names.isValid(name) else { throw root.error("name", Names.rule) }
        return name
    }

    static func requireType(_ plugin: ConfigurationObject) throws(CNIError) {
        guard let type = try plugin.string("type") else {
            throw plugin.error("type", "is missing: it names the plugin's file in CNI_PATH")
        }
        try PluginCaller.validate(type: type)
    }
}
