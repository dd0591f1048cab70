public import CNI
public import IPAM
import JSON
import NetCore

/// The networks of a configuration directory, as engines find them.
public struct ConfiguredNetworks: Sendable {
    public let directory: String
    public let networks: [ConfigurationDirectory.Found]
    /// Files that cannot be used, a sentence each.
    public let warnings: [String]

    public init(directory: String, networks: [ConfigurationDirectory.Found], warnings: [String]) {
        self.directory = directory
        self.networks = networks
        self.warnings = warnings
    }

    /// Reads the directory; one that is not there has no networks. Throws E-FILE when it cannot be read.
    public init(in directory: String) throws(InspectError) {
        do throws(CNIError) {
            let found = try ConfigurationDirectory(directory).networks()
            self.init(directory: directory, networks: found.networks, warnings: found.warnings)
        } catch {
            throw InspectError(error)
        }
    }

    public subscript(name: String) -> ConfigurationDirectory.Found? { networks.first { $0.list.name == name } }

    /// The networks whose addresses host-local gives, with a sentence for every one whose `ipam` cannot be used.
    public var leased: (networks: [LeasedNetwork], warnings: [String]) {
        var leased: [LeasedNetwork] = []
        var warnings: [String] = []
        for found in networks {
            do throws(CNIError) {
                leased += try found.list.leasedNetworks()
            } catch {
                warnings.append("\(found.file): \(error.message)" + (error.details.map { ": \($0)" } ?? ""))
            }
        }
        return (leased, warnings)
    }
}

extension NetworkConfigurationList {
    /// What each plugin with host-local says of its leases: one for a list as a rule, none for other address management.
    /// Throws what host-local refuses.
    func leasedNetworks() throws(CNIError) -> [LeasedNetwork] {
        var leased: [LeasedNetwork] = []
        for plugin in plugins where plugin["ipam"]?["type"]?.string == "host-local" {
            let configuration = try ChainRequest(list: self).attachment(
                plugin, capabilities: [:], previousResult: nil)
            leased.append(try HostLocal.network(try NetworkConfiguration(configuration)))
        }
        return leased
    }
}
