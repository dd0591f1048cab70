/// A directory with all that is in it.
public enum FileTree {
    /// Nothing is there any more; that nothing was there is no failure. No link is followed, and no depth is too deep. Like `rm -rf`.
    public static func remove(_ path: String) throws(ImageError) { try Removal.remove(path: path) }
}
