# Writes clusters.csv: indices of two partitions of R's dataset `iris`. Debian 12: apt-get install r-cran-fpc (2.2-10)
# Run: Rscript tests/reference/r/clusters.R > tests/reference/r/clusters.csv
suppressMessages({library(fpc); library(cluster)})
data <- as.matrix(iris[, 1:4])
distances <- dist(data)
three <- as.integer(iris$Species)
cat("name,value\n")
for (clusters in list(pmin(three, 2), three)) {
  stats <- cluster.stats(distances, clusters, G2 = TRUE)
  for (name in c("ch", "dunn", "avg.silwidth", "g2", "pearsongamma", "within.cluster.ss"))
    cat(sprintf("%d.%s,%s\n", max(clusters), name, format(stats[[name]], digits = 15)))
}
