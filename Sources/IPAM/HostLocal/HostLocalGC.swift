import CNI
import Glibc
import NetCore

extension HostLocal {
    /// Seconds for which an empty or garbled lease is left alone: another program may be writing it (I-4).
    static let unreadableGrace = 60

    /// Of the network's leases only those stay whose attachment is valid; one that names a container alone stays with any
    /// of its attachments (I-7). Goes on past errors and reports all. Throws code 7 without a list (P-58). With
    /// BERTH_KEEP_LEASE=1 all stay: another plugin of the network could not collect, and its rules may lead to them.
    public func gc(_ request: Request) throws(CNIError) {
        let configuration = request.configuration
        guard let valid = configuration.validAttachments else {
            throw CNIError(
                .invalidConfiguration, "\"cni.dev/valid-attachments\" is missing: GC does not guess what may go")
        }
        if request.environment["BERTH_KEEP_LEASE"] == "1" { return }
        let dataDirectory = try HostLocalConfiguration.dataDirectory(configuration)
        let attachments = Set(
            valid.map { LeaseHolder.attachment(containerID: $0.containerID, interface: $0.interface) })
        let containers = Set(valid.map(\.containerID))
        let now = time(nil)
        let failures = try answering { () throws(KernelError) -> [KernelError] in
            guard let store = try LeaseStore.existing(dataDirectory: dataDirectory, network: configuration.name) else {
                return []
            }
            return try store.release { lease in
                switch lease.holder {
                case .attachment: attachments.contains(lease.holder)
                case .container(let containerID): containers.contains(containerID)
                case .unreadable: now - lease.modified <= HostLocal.unreadableGrace
                }
            }
        }
        if let failures = Failures(failures) { throw CNIError(failures) }
    }
}
