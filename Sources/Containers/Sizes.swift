import Images
import JSON

// How much containers hold on disk.
extension Containers {
    /// Bytes that it wrote over its image, and both together.
    func sizes(_ container: Container) throws(APIError) -> (own: Int64, whole: Int64) {
        try Faults.image { () throws(ImageError) in
            let own = try ContainerRoot(container.directory).size()
            var image: Int64 = 0
            // One that was removed by force is not there to be asked.
            do throws(ImageError) { image = try images.image(container.imageID).size } catch {
                guard error.status == 404 else { throw error }
            }
            return (own, own + image)
        }
    }
}
