import JSON
import NetCore

/// What `validate` found out about a list (cni.md R-16).
public struct ChainValidation: Hashable, Sendable {
    public struct Member: Hashable, Sendable {
        public let type: String
        /// The plugin's file; nil when it is built in and CNI_PATH has none.
        public let file: String?
        /// Whether it runs in this process.
        public let isBuiltIn: Bool
        /// The protocol versions that it speaks.
        public let versions: [String]
    }

    public let members: [Member]
    /// The capabilities that any plugin of the list declares, each once, in order.
    public let capabilities: [String]
}

extension ChainRunner {
    /// Every plugin exists and speaks the list's version. Throws all that is wrong as one error, with the first one's
    /// code.
    public func validate(_ list: NetworkConfigurationList) throws(CNIError) -> ChainValidation {
        var members: [ChainValidation.Member] = []
        var capabilities: [String] = []
        var errors: [CNIError] = []
        for plugin in list.plugins {
            do throws(CNIError) {
                members.append(try member(plugin.type, list.version))
            } catch {
                errors.append(error)
            }
            for capability in NetworkConfigurationList.capabilities(of: plugin) where !capabilities.contains(capability)
            {
                capabilities.append(capability)
            }
        }
        if let error = CNIError.joined(errors) { throw error }
        return ChainValidation(members: members, capabilities: capabilities)
    }

    private func member(_ type: String, _ version: SpecVersion) throws(CNIError) -> ChainValidation.Member {
        guard let location = try caller.locate(type) else { throw caller.notFound(type) }
        let versions = try caller.supportedVersions(of: type, asking: version)
        guard versions.contains(version.rawValue) else {
            throw CNIError(
                .incompatibleVersion, "plugin \"\(type)\" does not support config version \"\(version)\"",
                details: "it supports \(versions.joined(by: ", "))")
        }
        var isBuiltIn = false
        if case .builtIn = location { isBuiltIn = true }
        return ChainValidation.Member(type: type, file: location.file, isBuiltIn: isBuiltIn, versions: versions)
    }
}
