import CNI
import JSON
import NetCore

extension NetworkConfiguration {
    /// The object `ipam`. Throws code 7 without one.
    func ipam() throws(CNIError) -> ConfigurationObject {
        guard let ipam = try root.object("ipam") else {
            throw CNIError(.invalidConfiguration, "IPAM config missing 'ipam' key")
        }
        return ipam
    }
}

extension ConfigurationObject {
    /// `routes`, which are copied into the result as they stand. Throws code 7.
    func routes() throws(CNIError) -> [CNIResult.RouteConfiguration] {
        guard let routes = value("routes") else { return [] }
        do throws(CNIError) {
            return try CNIResult(decoding: ["routes": routes], version: .latest, path: path).routes
        } catch {
            throw CNIError(.invalidConfiguration, error.message, details: error.details)
        }
    }
}

/// A result of 0.2.0 or before has room for one address of each family. Throws code 7 with `what` there is.
func requireOneOfFamily(
    _ families: [AddressFamily], _ version: SpecVersion, _ what: @autoclosure () -> String
) throws(CNIError) {
    guard version < .v0_3_0 else { return }
    for family in AddressFamily.allCases where families.count(where: { $0 == family }) > 1 {
        throw CNIError(
            .invalidConfiguration, "CNI version \(version) does not support more than 1 address per family",
            details: what())
    }
}
