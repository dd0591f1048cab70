import Glibc
import JSON
import NetCore

extension ImageStore {
    /// By a name: that name is taken away, and the image goes with its last one; by id: all names, and the image. `used`: ids of
    /// images that containers stand on; such an image stays. Gives what Docker's DELETE answers: (`Untagged`|`Deleted`, what).
    /// Throws 404; 409 when a container uses it, or when it has several names, is named by its id and not forced.
    public func remove(_ reference: String, force: Bool, used: [String]) throws(ImageError) -> [(String, String)] {
        // A disk that is full is no reason to keep an image.
        let staging: Staging?
        do throws(ImageError) { staging = try Staging.begun(self) } catch  where error.isFull { staging = nil }
        return try locked(.exclusive) { () throws(ImageError) in
            var names = try StoreNames(self)
            let id = try id(reference, names)
            let own = names.names(of: id)
            let short = String(id.dropFirst(7).prefix(12))
            let isUsed = used.contains(id)
            var said: [(String, String)] = []
            var isByName = !reference.hasPrefix("sha256:")
            var going = own
            if isByName {
                let name = try ImageName(reference)
                isByName = names.names[name.text] == id
                if isByName { going = [name.text] }
            }
            let isLast = going.count == own.count
            if isUsed, isByName ? (isLast && !force) : true {
                throw ImageError(
                    409,
                    isByName
                        ? "conflict: unable to remove repository reference \"\(reference)\" (must force) - a container is using its referenced image \(short): remove the container first"
                        : "conflict: unable to delete \(short) (cannot be forced) - image is being used by a container: remove the container first"
                )
            }
            if !isByName, !force, Set(own.map { $0.split(separator: ":").dropLast().joined(separator: ":") }).count > 1
            {
                throw ImageError(
                    409,
                    "conflict: unable to delete \(short) (must be forced) - image is referenced in multiple repositories: \(own.joined(by: ", "))"
                )
            }
            for name in going {
                names.names[name] = nil
                said.append(("Untagged", name))
            }
            guard isLast, !isUsed else {
                try names.write(to: self)
                return said
            }
            for digest in names.digests(of: id) {
                names.digests[digest] = nil
                said.append(("Untagged", digest))
            }
            said.append(("Deleted", id))
            do throws(ImageError) {
                try names.write(to: self)
            } catch  where error.isFull {
                // Then the image goes first, and makes room. A name of an image that is gone is none.
                try kernel { () throws(KernelError) in try Files.remove(record(id)) }
                for chain in try collect(into: nil) { said.append(("Deleted", chain)) }
                do throws(ImageError) { try names.write(to: self) } catch  where error.isFull {}
                return said
            }
            try kernel { () throws(KernelError) in try Files.remove(record(id)) }
            for chain in try collect(into: staging) { said.append(("Deleted", chain)) }
            return said
        }
    }

    /// Under the lock: what belongs to no image is moved away, to be removed with the staging directory; at once where there is none.
    /// The layers' chain ids.
    @discardableResult
    func collect(into staging: Staging?) throws(ImageError) -> [String] {
        var blobs: Set<String> = []
        var chains: Set<String> = []
        for id in try ids() {
            let record = try ImageRecord(self, id)
            blobs.insert(id)
            if let manifest = record.manifest { blobs.insert(manifest) }
            for layer in record.layers {
                blobs.insert(layer.blob)
                chains.insert(layer.chain)
            }
        }
        var gone: [String] = []
        for (folder, kept) in [("layers", chains), ("blobs/sha256", blobs)] {
            let names = try kernel { () throws(KernelError) in try Files.names(in: "\(directory)/\(folder)") }
            for name in names where !kept.contains("sha256:\(name)") {
                let path = "\(directory)/\(folder)/\(name)"
                // Half a layer must not be taken for one: it loses its name first.
                let place = staging?.place("gone") ?? "\(temporary)/gone-\(Staging.unique())"
                try attempt("remove \(path)") { rename(path, place) }
                if staging == nil { try Removal.remove(path: place) }
                if folder == "layers" { gone.append("sha256:\(name)") }
            }
        }
        return gone.sorted()
    }
}
