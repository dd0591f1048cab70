import CNI
import JSON
import NetCore

extension HostLocal {
    /// Throws code 106 unless the addresses that the attachment holds are those of prevResult (I-5), 7 without a prevResult
    /// (P-54). Addresses of prevResult outside the ranges are another plugin's.
    public func check(_ request: Request) throws(CNIError) {
        let configuration = try HostLocalConfiguration(request)
        guard let previous = request.configuration.previousResult else {
            throw CNIError(.invalidConfiguration, "\"prevResult\" is missing: CHECK compares with what ADD answered")
        }
        let attachment = request.attachment
        let answered = previous.ips.map(\.address.address)
        let (held, differences) = try answering { () throws(KernelError) in
            guard
                let store = try LeaseStore.reading(
                    dataDirectory: configuration.dataDirectory, network: configuration.network)
            else { return ([IPAddress](), missing(answered, attachment)) }
            let leases = try store.leases(of: attachment, in: try store.listing(), upkeep: false)
            let held = leases.released.map(\.address)
            var differences: [JSON] = []
            for address in answered
            where !held.contains(address) && configuration.sets.contains(where: { $0.contains(address) }) {
                let found = try store.holder(of: address)?.description
                differences.append(
                    difference(address, expected: "\(LeaseHolder(attachment))", found: found ?? "nothing"))
            }
            for address in held where !answered.contains(address) {
                differences.append(difference(address, expected: "nothing", found: "\(LeaseHolder(attachment))"))
            }
            return (held, differences)
        }
        if held.isEmpty {
            throw CNIError(
                .driftFound, "host-local: Failed to find address added by container \(attachment.containerID)",
                details: JSON.array(differences).text)
        }
        guard differences.isEmpty else {
            let holds = held.map(\.description).joined(by: ", ")
            let has = answered.map(\.description).joined(by: ", ")
            throw CNIError(
                .driftFound, "host-local: \(attachment) holds \(holds), prevResult has \(has)",
                details: JSON.array(differences).text)
        }
    }

    private func missing(_ addresses: [IPAddress], _ attachment: Attachment) -> [JSON] {
        addresses.map { difference($0, expected: "\(LeaseHolder(attachment))", found: "nothing") }
    }

    private func difference(_ address: IPAddress, expected: String, found: String) -> JSON {
        ["object": .string("lease \(address)"), "expected": .string(expected), "found": .string(found)]
    }
}
