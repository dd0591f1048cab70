import CKernel
import Glibc
public import JSON
public import NetCore

/// The attachments that stand, a file each, in libcni's place and form:
/// `<directory>/results/<net>-<containerID>-<ifname>` (cni.md R-10). A file appears whole or not at all.
public struct ResultCache: Sendable {
    public let directory: String
    private var results: String { "\(directory)/results" }

    /// `/var/lib/cni` is libcni's; BERTH_CNI_CACHE_DIR puts another in its place.
    public init(_ directory: String = "/var/lib/cni") { self.directory = directory }

    public init(environment: Environment) {
        self.init(environment.nonEmpty("BERTH_CNI_CACHE_DIR") ?? "/var/lib/cni")
    }

    /// What the cache knows of an attachment.
    public enum Entry: Hashable, Sendable {
        case absent
        case attachment(CachedAttachment)
        /// A bare result, as libcni wrote it before 0.8.
        case legacy(JSON)
        /// The file cannot be used; the sentence says why.
        case broken(String)
    }

    /// Never throws: an unusable file must not keep anybody from DEL.
    public func entry(_ attachment: Attachment) -> Entry {
        var finding = Entry.absent
        for path in paths(attachment) {
            switch ResultCache.read(path) {
            case .absent: continue
            case .attachment(let cached) where cached.attachment != attachment:
                // "-" may stand in any of the three names: this file is another attachment's.
                continue
            case .attachment(let cached): return .attachment(cached)
            case .legacy(let result): finding = .legacy(result)
            case .broken(let why): finding = .broken(why)
            }
        }
        return finding
    }

    /// The attachment is in the cache, on the disk, whole. Throws what the kernel said.
    public func write(_ cached: CachedAttachment) throws(KernelError) {
        do throws(KernelError) {
            try replace(cached)
        } catch  where error.errno == .noSuchFile {
            try Files.makeDirectories(results, mode: 0o700)
            try replace(cached)
        }
    }

    private func replace(_ cached: CachedAttachment) throws(KernelError) {
        let names = paths(cached.attachment)
        var path = names[0]
        if case .attachment(let other) = ResultCache.read(path), other.attachment != cached.attachment {
            path = names[1]
        }
        let temporary = temporaryPath(cached.attachment)
        do throws(KernelError) {
            do {
                let file = try OwnedDescriptor(open: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
                try Files.write(
                    cached.json.bytes, to: file.number, operation: "write \(temporary)")
                // Without this a power cut may leave the new name with no content.
                try check("fsync \(temporary)") { fsync(file.number) }
            }
            try check("rename \(temporary) to \(path)") { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// No file speaks of the attachment any more; one that is another's stays. Throws what the kernel said.
    public func remove(_ attachment: Attachment) throws(KernelError) {
        for path in paths(attachment) {
            if case .attachment(let cached) = ResultCache.read(path), cached.attachment != attachment { continue }
            try Files.remove(path)
        }
        // What a writer left that was killed.
        try Files.remove(temporaryPath(attachment))
    }

    /// Every attachment of a network, or of all, and a sentence for every file that cannot be read. Throws what the kernel said of
    /// the directory; that there is none means that nothing is attached.
    public func attachments(
        of network: String? = nil
    ) throws(KernelError) -> (attachments: [CachedAttachment], broken: [String]) {
        let listed = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: results) } ?? []
        var found: [CachedAttachment] = []
        var broken: [String] = []
        for name in listed.sorted() where network.map({ name.hasPrefix("\($0)-") }) ?? true {
            switch ResultCache.read("\(results)/\(name)") {
            case .attachment(let cached) where network == nil || cached.network == network: found.append(cached)
            case .broken(let why): broken.append(why)
            case .legacy: broken.append("\(results)/\(name): a bare result, which does not say whose it is")
            case .absent, .attachment: continue
            }
        }
        return (found, broken)
    }

    /// libcni's name, and the one that is taken when another attachment has it.
    private func paths(_ attachment: Attachment) -> [String] {
        let name = "\(attachment.network)-\(attachment.containerID)-\(attachment.interface)"
        return ["\(results)/\(name)", "\(results)/\(name).\(attachment.tag)"]
    }

    /// Where a file is written before it gets its name: outside `results`, where libcni takes every file for an
    /// attachment.
    private func temporaryPath(_ attachment: Attachment) -> String { "\(directory)/.result-\(attachment.tag)" }

    private static func read(_ path: String) -> Entry {
        do {
            guard let bytes = try ignoring(.noSuchFile, do: { () throws(KernelError) in try Files.read(path) }) else {
                return .absent
            }
            let json = try JSON(parsing: bytes)
            if let cached = try CachedAttachment(json) { return .attachment(cached) }
            let isResult =
                json["cniVersion"] != nil || json["ips"] != nil || json["ip4"] != nil || json["interfaces"] != nil
            return isResult ? .legacy(json) : .broken("\(path): neither an attachment nor a result")
        } catch let error as CNIError {
            return .broken("\(path): \(error.message)")
        } catch {
            return .broken("\(path): \(error)")
        }
    }
}
